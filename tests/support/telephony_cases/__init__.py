"""Presets of telephone systems: by maker, the events of their samples and stories of calls."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.support.telephony_cases import alcatel, asterisk, avaya, cisco, mitel, teams, three_cx, xivo
from tests.support.telephony_cases.case import Case, Story

_MAKERS: Final = (cisco, alcatel, avaya, mitel, three_cx, teams, asterisk, xivo)
CASES: Final[Mapping[str, Case]] = {name: case for maker in _MAKERS for name, case in maker.CASES.items()}
STORIES: Final[Sequence[Story]] = [
    *cisco.STORIES,
    *alcatel.STORIES,
    *avaya.STORIES,
    *mitel.STORIES,
    *three_cx.STORIES,
    *asterisk.STORIES,
    *xivo.STORIES,
]
