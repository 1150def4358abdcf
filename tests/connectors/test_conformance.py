"""The conformance suite finds what is wrong, and nothing where nothing is."""

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
    "ParsesWhatItReads": "hostile_records_are_set_aside_in_little_time_and_memory",
    "IsQuadratic": "hostile_records_are_set_aside_in_little_time_and_memory",
    "AcknowledgesWhatItReads": "nothing_is_acknowledged_before_it_is_confirmed",
    "AcknowledgesMoreThanWasConfirmed": "confirmed_in_part_it_goes_on_after_that",
    "ReadsAhead": "while_the_broker_is_away_it_spools_then_refuses_then_tells_all_in_order",
    "WritesItsPlaceInPlace": "killed_before_any_act_it_loses_nothing",
    "NumbersByReading": "the_same_records_have_the_same_ids",
    "MapRaises": "a_bad_record_is_kept_with_its_reason",
    "DropsWhatIsBad": "a_bad_record_is_kept_with_its_reason",
    "PublishesNames": "nothing_personal_leaves",
    "PublishesNamesInCapitals": "nothing_personal_leaves",
    "PublishesHashesOfNames": "nothing_personal_leaves",
    "HasNoNames": "nothing_personal_leaves",
    "LogsNames": "nothing_personal_leaves",
    "RejectsWithNames": "nothing_personal_leaves",
    "ShowsItsSecret": "secrets_are_masked",
    "ProbeAcknowledges": "a_probe_changes_nothing",
}


@pytest.fixture(scope="module")
def failures() -> set[tuple[str, str]]:
    """What fails: the fault, and the test that finds it."""
    suite = Path(__file__).with_name("faulty.py")
    options = ("-q", "-rf", "--tb=no", "--no-header", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(suite)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout
    return set(re.findall(r"^FAILED \S+::Test(\w+)::test_(\w+)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize(("fault", "test"), FOUND_BY.items())
def test_a_fault_is_found(failures: set[tuple[str, str]], fault: str, test: str) -> None:
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
def test_the_forms_of_a_phone_number_are_known(leaked: str) -> None:
    assert [how for how, text in leak_forms("06 39 98 55 11", "pbx/essai").items() if text in leaked]


def test_what_is_right_passes(failures: set[tuple[str, str]]) -> None:
    assert {fault for fault, _ in failures} == FOUND_BY.keys()
