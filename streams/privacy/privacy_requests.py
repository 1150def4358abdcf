"""Where citizens' rights are exercised: what an API needs of the installation behind it."""

from collections.abc import Callable
from datetime import tzinfo
from typing import NamedTuple

from streams.privacy.citizen_finder import CitizenFinder
from streams.privacy.erasures import Erasures
from streams.privacy.personal_data import PersonalData
from streams.timeline.store import Timeline


class PrivacyRequests(NamedTuple):
    """What is there."""

    erasures: Callable[[Timeline], Erasures]
    collect_personal_data: Callable[[Timeline, CitizenFinder, str, str, str], PersonalData]
    """Of whom, in which sector, in which language: raises what `holding.gather` does."""
    zone: tzinfo
    """Whose clocks are shown to people."""
