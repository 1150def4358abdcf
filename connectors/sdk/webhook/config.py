"""Options of connectors that receive messages by HTTP."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from connectors.sdk.config import ConnectorConfig, Sector
from connectors.sdk.exclusive_resources import ExclusiveResource
from connectors.sdk.webhook.signatures import check_secret


class PushConfig(ConnectorConfig):
    """Address and limits of one instance's HTTP server."""

    host: Annotated[str, StringConstraints(min_length=1)] = "127.0.0.1"
    """Address to listen on. If other machines send messages, put a reverse proxy with TLS in front."""
    port: Annotated[int, Field(ge=0, le=65_535)]
    """Port to listen on; 0 takes any free port, for tests."""
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9/._-]*$")] = "/"
    """Path of the requests."""
    max_body_bytes: Annotated[int, Field(ge=1_024, le=1 << 20)] = 65_536
    """Longest request body. Longer ones are refused (413), without being read if their length is announced."""
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = 500.0
    """Limit of requests per second from one client address, with bursts of one second (429)."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms. A citizen has different pseudonyms in different sectors."""

    def exclusive_resources(self) -> Iterator[ExclusiveResource]:
        """Yield the resources that no other instance may use, such as its port."""
        yield from super().exclusive_resources()
        if self.port:
            yield ExclusiveResource.of_port("port", self.host, self.port)


class SignedConfig(PushConfig):
    """Options of an instance whose sender signs messages with Standard Webhooks."""

    secret: Annotated[SecretStr, AfterValidator(check_secret)]
    """Secret of the sender: `whsec_` and Base64. Give it as `secret_file` or `secret_env`."""
    previous_secret: Annotated[SecretStr | None, AfterValidator(check_secret)] = None
    """Previous secret, accepted as long as it is set: remove it once the sender uses the new one. Also as
    `previous_secret_file` or `…_env`."""

    @property
    def secrets(self) -> list[SecretStr]:
        """The accepted secrets, the newest first."""
        return [secret for secret in (self.secret, self.previous_secret) if secret is not None]
