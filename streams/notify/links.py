"""Links from an incident to its dashboard and runbook."""

from typing import NamedTuple
from urllib.parse import quote

from streams.notify.incidents import Incident
from streams.notify.options import LINK_FIELDS


class Links(NamedTuple):
    """URL templates with `LINK_FIELDS` in braces; empty if unset."""

    dashboard_url: str = ""
    runbook_url: str = ""

    def of(self, incident: Incident) -> dict[str, str]:
        """Return the set URLs for an incident, by name."""
        return {name: fill(url, incident) for name, url in self._asdict().items() if url}


def fill(url: str, incident: Incident) -> str:
    """Return `url` with the incident's values in place of the fields in braces."""
    for field in LINK_FIELDS:
        url = url.replace(f"{{{field}}}", quote(getattr(incident, field), safe=""))
    return url
