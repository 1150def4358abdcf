"""Connector for survey tools: invitations and answers, linked to the contact that they concern."""

from connectors.sdk.contract import Connector
from connectors.survey.config import SurveyConfig
from connectors.survey.source import SurveySource

CONNECTOR = Connector(
    "survey",
    SurveyConfig,
    SurveySource,
    descriptions=(
        "Invitations and answers of a survey tool (Formbricks and others), by signed webhook",
        "Invitations et réponses d'un outil d'enquête (Formbricks et autres), par webhook signé",
    ),
    position_files=lambda _: (),
)
