"""Connector for survey tools: invitations and answers, linked to the contact that they concern."""

from connectors.sdk.contract import Connector
from connectors.survey.config import SurveyConfig
from connectors.survey.mapping import SurveySource
from models.locale import N_

CONNECTOR = Connector(
    "survey",
    SurveyConfig,
    SurveySource,
    description=N_("Invitations and answers of a survey tool (Formbricks and others), by signed webhook"),
    position_files=lambda _: (),
)
