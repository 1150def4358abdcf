"""Functions of the installation that the API needs for privacy requests."""

from collections.abc import Callable
from datetime import tzinfo
from typing import NamedTuple

from streams.privacy.citizen_finder import CitizenFinder
from streams.privacy.erasures import Erasures
from streams.privacy.personal_data import PersonalData
from streams.timeline.store import Timeline


class PrivacyRequests(NamedTuple):
    """Dependencies of the API's routes for export and erasure."""

    erasures: Callable[[Timeline], Erasures]
    """Returns the erasures of an opened timeline database."""
    collect_personal_data: Callable[[Timeline, CitizenFinder, str, str, str], PersonalData]
    """Arguments: timeline, finder, subject, sector, language. Raises as `personal_data.collect_personal_data` does."""
    zone: tzinfo
    """Time zone of the times shown to people."""
