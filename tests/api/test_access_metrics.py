"""Tokens that read unusually many citizens, in the metrics of accesses."""

import msgspec
from prometheus_client import CollectorRegistry

from streams.access.audit_records import Access, Purpose, Result
from streams.access.permissions import Operation
from streams.api.metrics import HOUR_SECONDS, AccessMetrics


def test_unusual_reader_is_forgotten_after_an_hour() -> None:
    registry, now = CollectorRegistry(), [0.0]
    access_metrics = AccessMetrics(registry, 1, clock=lambda: now[0])
    common = {"actor": "camille", "operation": Operation.LOOK_UP, "why": Purpose.CONTACT, "result": Result.SHOWN}
    for number in range(2):
        access_metrics.count(Access(subject_id=f"phone:a1b2-{number}", **common))
    assert registry.get_sample_value("api_unusual_readers") == 1
    now[0] += HOUR_SECONDS + 1
    assert registry.get_sample_value("api_unusual_readers") == 0


def test_read_subjects_are_forgotten_without_a_scrape() -> None:
    now = [0.0]
    access_metrics = AccessMetrics(CollectorRegistry(), 1, clock=lambda: now[0])
    read = Access(actor="camille", operation=Operation.LOOK_UP, why=Purpose.CONTACT, result=Result.SHOWN)
    for number in range(5000):
        now[0] += HOUR_SECONDS / 100
        access_metrics.count(msgspec.structs.replace(read, subject_id=f"phone:a1b2-{number}"))
    assert len(access_metrics._read["camille"]) <= 101
