"""Connector for survey tools: invitations and answers, linked to the contact that they concern."""

from connectors.sdk.contract import Connector
from connectors.survey.config import SurveyConfig
from connectors.survey.simulate import command
from connectors.survey.source import SurveySource
from models.locale import N_

CONNECTOR = Connector(
    "survey",
    SurveyConfig,
    SurveySource,
    simulate=command,
    description=N_("Invitations and answers of a survey tool (Formbricks and others), by signed webhook"),
    position_files=lambda _: (),
)
