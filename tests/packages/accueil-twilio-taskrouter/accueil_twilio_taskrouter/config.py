"""Options of one workspace."""

from typing import Annotated

from connectors.sdk.webhook.config import PushConfig
from models.envelope import Label
from pydantic import Field, SecretStr, StringConstraints


class TwilioTaskrouterConfig(PushConfig):
    """Options of one workspace of Twilio TaskRouter."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    """Event callback URL of the workspace, exactly as entered at Twilio, since it is part of the signature."""
    auth_token: Annotated[SecretStr, Field(min_length=1)]
    """Auth token of the account, the key of Twilio's signatures. Give it as `auth_token_file` or `auth_token_env`."""
    queues: dict[str, Label]
    """Names of the task queues in events, by their names at Twilio; calls in other queues are rejected."""
