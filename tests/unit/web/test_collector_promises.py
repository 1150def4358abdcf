"""The metrics of SLA clocks."""

from datetime import timedelta

from streams.core.figures import Dimensions
from streams.core.layouts import SLA
from streams.web.board import make_message
from tests.unit.web.test_collector_channels import NOON, Exported

KEPT = Dimensions(SLA, "siege", "social", "courrier:acknowledge:mail")
LETTERS = Dimensions("mail", "siege", "social", "")
WHICH = {"policy": "courrier", "clock": "acknowledge"}


def test_promises_are_told_where_their_contacts_are() -> None:
    exported = Exported()
    exported.worker.count(KEPT, NOON, "started", "started", "started", "met", "breached")
    exported.worker.stocks(KEPT, NOON - timedelta(days=3), running=1, overdue=1)
    assert exported("contact_sla_started_total", LETTERS, **WHICH) == 3
    results = ("met", "breached", "cancelled")
    completed = [exported("contact_sla_completed_total", LETTERS, **WHICH, result=result) for result in results]
    assert completed == [1, 1, 0]
    states = ("running", "at_risk", "overdue", "paused")
    assert [exported("contact_sla_open_items", LETTERS, **WHICH, state=state) for state in states] == [1, 0, 1, 0]
    oldest = exported("contact_sla_oldest_overdue_timestamp_seconds", LETTERS, **WHICH)
    assert oldest == (NOON - timedelta(days=3)).timestamp()


def test_promises_are_no_channel() -> None:
    exported = Exported()
    exported.worker.count(KEPT, NOON, "started")
    exported.worker.stocks(KEPT, NOON, overdue=1)
    others = [key for key in exported.numbers() if "'sla'" in key[1]]
    assert others == []
    assert make_message(exported.view.snapshot(NOON), exported.options, "")
