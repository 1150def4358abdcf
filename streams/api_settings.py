"""What can be set of the API: names, kinds, bounds and defaults."""

from typing import Annotated, Any, Final

from pydantic import Field, PositiveInt, StringConstraints

from connectors.sdk.citizens import Region
from models.envelope import Label
from streams.api.options import Across, ApiOptions, OtherServices
from streams.sections import Port, Section

_API: Final = ApiOptions()
"""What the API does if it is told nothing: its defaults have their home there."""
Sector = Annotated[Label, StringConstraints(min_length=1)]


class Pair(Section):
    """A look-up from one sector into another, for tokens that have the first alone."""

    from_sector: Sector
    """Sector of the token."""
    to_sector: Sector
    """Sector in which it may look up, and read."""
    reason: Annotated[str, StringConstraints(min_length=10, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
    """The legal basis; stands in the audit with each such access."""


class Api(Section):
    """Citizens' timelines over HTTP."""

    host: str = _API.host
    """Where to listen; 0.0.0.0 for everywhere (put a reverse proxy with TLS before it)."""
    port: Port = _API.port
    hosts: tuple[str, ...] = _API.hosts
    """Names by which a reverse proxy on this machine asks: as long as `host` is local, only these and its own are answered."""
    url: str = ""
    """By which people reach it, as in `https://accueil.example.org/`; empty: by `host` and `port`."""
    region: Region = _API.region
    """Country whose national way of writing telephone numbers is meant."""
    other_services: OtherServices = _API.other_services
    """What of other services a token sees that is for some services only: nothing, or when, in what channel and how it stands."""
    across: tuple[Pair, ...] = ()
    """Sectors do not mix, but where such a pair says so, with its reason."""
    threads: Annotated[int, Field(ge=1, le=64)] = _API.threads
    """Questions that are put to the database at once."""
    unusual_citizens_per_hour: PositiveInt = _API.unusual_citizens_per_hour
    """More citizens than this whom one token reads within an hour are unusual: the metrics tell it."""
    idle_seconds: PositiveInt = _API.idle_seconds
    """The page forgets a token, and all that it shows, after so long without a key or a touch."""

    def of_api(self, **others: Any) -> ApiOptions:
        """Return this as the API takes it, with what other settings say."""
        own = self.model_dump(exclude={"url", "across"})
        return ApiOptions(**own, across=tuple(Across(**pair.model_dump()) for pair in self.across), **others)
