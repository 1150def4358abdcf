"""What every connector that listens can be told."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from connectors.sdk.config import ConnectorConfig, Sector
from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.webhook.signatures import check_secret


class PushConfig(ConnectorConfig):
    """Where one instance listens, and how much it takes."""

    host: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    """Address to listen on. Where others than this machine send, put a reverse proxy with TLS before it."""
    port: Annotated[int, Field(ge=0, le=65_535)]
    """Port to listen on; 0 takes any that is free, which is for tests."""
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._-]*$")] = "/"
    """Path that requests are posted to."""
    max_body_bytes: Annotated[int, Field(ge=1_024, le=1 << 20)] = 65_536
    """Longest body; a longer one is refused (413), before it is read if it says so itself."""
    body_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long a body may take to come (408)."""
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 500.0
    """How many requests one client address may send, a second's worth of them at once (429)."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms: citizens of different sectors cannot be told to be the same."""

    french_descriptions: ClassVar = {
        "host": "Adresse d'écoute. Si d'autres machines envoient, mettre devant un mandataire inverse avec TLS.",
        "port": "Port d'écoute ; 0 en prend un qui est libre, pour les essais.",
        "path": "Chemin auquel les requêtes sont envoyées.",
        "max_body_bytes": "Taille maximale d'un corps ; au-delà il est refusé (413), avant d'être lu s'il l'annonce.",
        "body_seconds": "Temps qu'un corps peut mettre à arriver (408).",
        "requests_per_second": "Combien de requêtes une adresse peut envoyer, dont une seconde d'un coup (429).",
        "sector": "Secteur dont la clé fait les pseudonymes : d'un secteur à l'autre, on ne peut pas reconnaître un usager.",
    }

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield what no other instance may have: its port."""
        yield from super().exclusive_resources()
        if self.port:
            yield ExclusiveResource.of_port("port", self.host, self.port)


class SignedConfig(PushConfig):
    """The same, of a sender that signs as Standard Webhooks says."""

    secret: Annotated[SecretStr, AfterValidator(check_secret)]
    """What the sender signs with: `whsec_` and Base64. Give it as `secret_file` or `secret_env`."""
    previous_secret: Annotated[SecretStr | None, AfterValidator(check_secret)] = None
    """The secret before, which counts as well until the sender has the new one. As `previous_secret_file` or `…_env` too."""

    french_descriptions: ClassVar = {
        "secret": "Ce avec quoi l'émetteur signe : `whsec_` et du Base64. À donner par `secret_file` ou `secret_env`.",
        "previous_secret": "Le secret d'avant, valable aussi jusqu'à ce que l'émetteur ait le nouveau. De même par "
        "`previous_secret_file` ou `…_env`.",
    }

    @property
    def secrets(self) -> list[SecretStr]:
        """The secrets that count, the newest first."""
        return [secret for secret in (self.secret, self.previous_secret) if secret is not None]
