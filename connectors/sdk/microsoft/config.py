"""Settings of an application that is registered in Microsoft Entra."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from connectors.sdk.config import Options
from connectors.sdk.pull import ServerUrl
from models.locale import _


class MicrosoftApp(Options):
    """Application registered in Microsoft Entra. It logs in by itself, without a user (client credentials)."""

    tenant: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+$")]
    """Directory (tenant) id in Microsoft Entra, or a domain name of the tenant."""
    client_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+$")]
    """Application (client) id of the registration."""
    certificate_file: Path | None = None
    """PEM file with the private key and the certificate of the application, instead of a client secret."""
    client_secret: Annotated[SecretStr | None, Field(validate_default=True)] = None
    """Value of the client secret. Set `client_secret_file` or `client_secret_env` instead of writing it here."""
    login_url: ServerUrl = "https://login.microsoftonline.com"
    """Address of Microsoft Entra; another one only in a national cloud."""
    graph_url: ServerUrl = "https://graph.microsoft.com"
    """Address of Microsoft Graph; another one only in a national cloud."""

    @field_validator("client_secret")
    @classmethod
    def _check_credential(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        given = secret is not None and bool(secret.get_secret_value())
        if "certificate_file" in info.data and given == (info.data["certificate_file"] is not None):
            raise ValueError(_("must be set, or else certificate_file: exactly one of them"))
        return secret
