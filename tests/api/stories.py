"""Read all pages of a citizen's timeline."""

from typing import Any

from tests.support.api_harness import ApiHarness

DAY = 86_400


def walk(harness: ApiHarness, subject: str, first: dict[str, Any], limit: int, who: str = "camille") -> list[str]:
    """Return the ids of all pages."""
    ids, page = [entry["id"] for entry in first["entries"]], first
    while page["next"]:
        page = harness.ask("/v1/timeline", who, subject=subject, cursor=page["next"], limit=limit).json()
        assert 0 < len(page["entries"]) <= limit
        ids += [entry["id"] for entry in page["entries"]]
    return ids
