"""Tests of the conformance suite: it fails for each faulty connector, and passes for a correct one."""

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

import pytest

from connectors.sdk.testing import leak_forms
from models.ids import event_id
from tests.support.processes import ROOT

FOUND_BY = {
    "ParsesInRead": "hostile_records_are_rejected_within_limits_of_time_and_memory",
    "IsQuadratic": "hostile_records_are_rejected_within_limits_of_time_and_memory",
    "AcknowledgesInRead": "nothing_is_acknowledged_before_it_is_confirmed",
    "AcknowledgesMoreThanWasConfirmed": "partly_confirmed_reading_continues_after_the_confirmed_part",
    "ReadsAhead": "without_a_broker_it_spools_then_stops_reading_then_sends_all_in_order",
    "OverwritesItsPosition": "kill_at_any_point_loses_nothing",
    "NumbersByReading": "same_records_give_the_same_ids",
    "MapRaises": "invalid_records_are_stored_with_a_reason",
    "DropsInvalidRecords": "invalid_records_are_stored_with_a_reason",
    "PublishesNames": "nothing_personal_leaves",
    "PublishesHashesOfNames": "nothing_personal_leaves",
    "HasNoNames": "nothing_personal_leaves",
    "LogsNames": "nothing_personal_leaves",
    "RejectsWithNames": "nothing_personal_leaves",
    "ShowsItsSecret": "secrets_are_masked",
    "ProbeAcknowledges": "probe_changes_nothing",
}
"""Test that must fail, by faulty connector."""


@pytest.fixture(scope="module")
def failures() -> set[tuple[str, str]]:
    """Faulty connectors, each with a test that failed."""
    suite = Path(__file__).with_name("faulty.py")
    options = ("-q", "-rf", "--tb=no", "--no-header", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(suite)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    return set(re.findall(r"^FAILED \S+::Test(\w+)::test_(\w+)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize(("fault", "test"), FOUND_BY.items())
def test_fault_is_found(failures: set[tuple[str, str]], fault: str, test: str) -> None:
    assert (fault, test) in failures


@pytest.mark.parametrize(
    "leaked",
    [
        "+33639985511",
        "33639985511",
        "0639985511",
        sha256(b"+33639985511").hexdigest(),
        sha256(b"0639985511").hexdigest()[:24],
        str(uuid5(NAMESPACE_DNS, "+33639985511")),
        event_id("pbx/essai", "0639985511"),
    ],
)
def test_forms_of_a_phone_number_are_recognised(leaked: str) -> None:
    assert [form for form, text in leak_forms("06 39 98 55 11", "pbx/essai").items() if text in leaked]


def test_correct_connector_passes(failures: set[tuple[str, str]]) -> None:
    assert {fault for fault, _ in failures} == FOUND_BY.keys()
