"""Links from an incident to where people look, and to what they are to do."""

from typing import NamedTuple
from urllib.parse import quote

from streams.notify.incidents import Incident
from streams.notify.options import LINK_FIELDS


class Links(NamedTuple):
    """Addresses, with `PLACES` in braces; empty for none."""

    dashboard_url: str = ""
    runbook_url: str = ""

    def of(self, incident: Incident) -> dict[str, str]:
        """Return by name the addresses that there are for an incident."""
        return {name: fill(url, incident) for name, url in self._asdict().items() if url}


def fill(url: str, incident: Incident) -> str:
    """Return `url` with the incident's own words in place of what stands in braces."""
    for place in LINK_FIELDS:
        url = url.replace(f"{{{place}}}", quote(getattr(incident, place), safe=""))
    return url
