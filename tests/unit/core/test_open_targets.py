"""Records of open SLA targets: status of a target, and validation of records."""

import msgspec
import pytest

from streams.core.sla import open_targets
from streams.core.sla.open_targets import SlaTarget, TargetStatus
from streams.core.timeline import entries

DUE, RISK = 2_000, 1_000


@pytest.mark.parametrize(
    ("due_at", "at_risk_at", "now", "status"),
    [
        (DUE, RISK, RISK, TargetStatus.RUNNING),
        (DUE, RISK, RISK + 1, TargetStatus.AT_RISK),
        (DUE, RISK, DUE, TargetStatus.AT_RISK),
        (DUE, RISK, DUE + 1, TargetStatus.OVERDUE),
        (DUE, None, DUE, TargetStatus.RUNNING),
        (None, None, DUE, TargetStatus.PAUSED),
        (None, RISK, DUE, TargetStatus.PAUSED),
    ],
)
def test_target_has_a_status_at_each_time(
    due_at: int | None, at_risk_at: int | None, now: int, status: TargetStatus
) -> None:
    assert SlaTarget("letters", "first_response", "mdph", due_at, at_risk_at).status(now) is status


def make_record(**changes: str) -> bytes:
    target = {"policy": "letters", "clock": "announced", "service": "mdph", **changes}
    entry = {
        "id": "a", "citizen": "", "contact": "mail:a:1", "channel": "mail", "site": "", "service": "mdph",
        "type": open_targets.SLA_TARGETS_TYPE, "happened_at": "2026-11-26T09:00:00.123Z", "state": "waiting", "outcome": "",
        "source": "accueil/sla", "promises": [[*target.values(), 5, None]],
    }  # fmt: skip
    return msgspec.json.encode(entry)


def test_record_is_read_as_an_entry_with_targets() -> None:
    assert entries.decode(make_record()).type == open_targets.SLA_TARGETS_TYPE
    (target,) = open_targets.decode(make_record()).sla_targets
    assert target == SlaTarget("letters", "announced", "mdph", 5, None)
    assert open_targets.load(open_targets.dump((target,))) == (target,)


@pytest.mark.parametrize("name", ["policy", "clock", "service"])
def test_record_with_a_control_character_is_rejected(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        open_targets.decode(make_record(**{name: "a\x00b"}))
