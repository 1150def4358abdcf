"""Tests of correction metrics: counter minus correction metric is the true count."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import SLA
from streams.web.metrics.measure import CORRECTED_SUFFIX
from tests.unit.web.exported_metrics import NOON, ExportedMetrics
from tests.unit.web.sla_policies import ORGANISATION, VERSIONED_POLICIES
from tests.web.rows import APPOINTMENT, DERIVED, DESK, EMAIL, FORM, MAIL, OPINION, SOCIAL, facts_of

PLACES = (
    SOCIAL,
    DESK,
    MAIL,
    EMAIL,
    FORM,
    APPOINTMENT,
    OPINION,
    Dimensions("transfer", SOCIAL.site, SOCIAL.service, f"call:{SOCIAL.queue}:"),
    Dimensions(SLA, "siege", "social", "courrier:first_response:mail"),
    *DERIVED,
)
TWINLESS = {"contact_corrected_total", "contact_sla_corrected_total", "contact_collect_errors_total"}
Facts = list[tuple[Dimensions, str, int]]


def without_part(name: str) -> tuple[str, str]:
    """Return the metric of a sample and the suffix of its name."""
    metric, _, part = name.rpartition("_")
    return metric, part


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Generate facts of each figure schema, with durations in seconds."""
    place = st.sampled_from(PLACES)
    amount = st.sampled_from([0, 5, 6, 900, 90_000, 10_000_000])
    chosen = draw(st.lists(place, max_size=12))
    return [(one, draw(st.sampled_from(facts_of(one))), draw(amount)) for one in chosen]


@given(facts(), facts())
@settings(deadline=None)  # each example writes thousands of series
def test_counter_minus_its_correction_metric_is_the_true_count(right: Facts, wrong: Facts) -> None:
    exported, true = (ExportedMetrics(ORGANISATION, VERSIONED_POLICIES) for _ in range(2))
    for place, fact, amount in (*right, *wrong):
        exported.worker.count(place, NOON, fact, amount=amount)
    for place, fact, amount in right:
        true.worker.count(place, NOON, fact, amount=amount)
    for place, _, _ in wrong:
        true.worker.count(place, NOON)  # so that the dimensions exist
    before = exported.numbers()
    for place, fact, amount in wrong:
        exported.worker.correct(place, NOON, fact, amount)
    after, expected = exported.numbers(), true.numbers()
    compared = 0
    for (name, labels), number in after.items():
        metric, part = without_part(name)
        if (
            part not in {"total", "bucket", "sum", "count"}
            or metric.endswith(CORRECTED_SUFFIX)
            or not name.startswith(("contact_", "post_"))
        ):
            continue
        assert number == before[name, labels], "no counter falls"
        correction = f"{metric}{CORRECTED_SUFFIX}_{part}".replace("postage_euros_corrected", "postage_corrected_euros")
        if name not in TWINLESS and "postage_corrected" not in name:
            assert number - after[correction, labels] == pytest.approx(expected[name, labels], abs=1e-6), (name, labels)
            compared += 1
    assert compared > 500
