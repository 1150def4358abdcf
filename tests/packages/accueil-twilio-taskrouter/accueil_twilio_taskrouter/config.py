"""How one workspace is configured."""

from typing import Annotated, ClassVar

from connectors.sdk.webhook.config import PushConfig
from models.envelope import Label
from pydantic import Field, SecretStr, StringConstraints


class TwilioTaskrouterConfig(PushConfig):
    """One workspace of Twilio TaskRouter."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    """The workspace's event callback URL, letter for letter: Twilio signs it."""
    auth_token: Annotated[SecretStr, Field(min_length=1)]
    """The account's auth token, which Twilio signs with. Give it as `auth_token_file` or `auth_token_env`."""
    queues: dict[str, Label]
    """What the task queues are called in events, by their names at Twilio; calls in others are rejected."""

    french_descriptions: ClassVar = {
        "url": "L'adresse de rappel des événements de l'espace de travail, à la lettre : Twilio la signe.",
        "auth_token": "Le jeton du compte, avec quoi Twilio signe. À donner par `auth_token_file` ou `auth_token_env`.",
        "queues": "Noms des files dans les événements, par leur nom chez Twilio ; les autres sont rejetées.",
    }
