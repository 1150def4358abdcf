"""Data flow of one instance: from its source to its publisher, and acknowledgements back."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import structlog

from connectors.sdk.attempts import REFUSED, Attempts, content_of
from connectors.sdk.contact_reasons import NO_REASONS, ContactReasons
from connectors.sdk.contract import Outcome, Publisher, Raw, Reject, Source
from connectors.sdk.errors import SourceUnavailableError, safe_error_text
from connectors.sdk.metrics import Meter
from connectors.sdk.rejects import Rejects
from models.codec import UnusableRecord
from models.event_time import check_event_time
from models.events import Event
from models.reasons import Reason

WAIT_SECONDS: Final = 0.05
"""Longest wait for new records, and longest wait for a confirmation, in one step."""

log = structlog.get_logger(__name__)


class Flow:
    """Moves records from `source` to `publisher`; each `step` moves those of one read."""

    def __init__(
        self,
        source: Source[Any, Any],
        publisher: Publisher,
        rejects: Rejects,
        meter: Meter,
        attempts: Attempts | None = None,
        contact_reasons: ContactReasons = NO_REASONS,
    ) -> None:
        self._source = source
        self._publisher = publisher
        self._rejects = rejects
        self._meter = meter
        self._attempts = attempts or Attempts()
        self._add_reasons = contact_reasons.add if source.has_checked_reasons else contact_reasons.add_and_check
        self.read_at = time.monotonic()
        """Monotonic time of the last successful read; at first, of the creation."""
        self._busy = False
        self._unmarked = True  # the initial position must be saved too
        self._marked_at = 0.0
        meter.update_reconcile_stats(source.reconcile_stats)
        meter.update_response_counts(source.response_counts)

    @property
    def refusal(self) -> str:
        """Reason why Kafka refuses events, for the operator; empty if it does not, also while no broker responds."""
        return self._publisher.trouble

    @property
    def trouble(self) -> str:
        """Reason why part of the source is not being read, for the operator; empty if all parts are read."""
        return self._source.trouble

    def step(self) -> None:
        """Process confirmations. If the publisher is ready, then read and map records, publish events and store rejected records.

        Raises `SourceUnavailableError`; the records read before are nevertheless acknowledged once they are safe. Raises also the
        errors of the publisher and of storage.
        """
        self._meter.update_response_counts(self._source.response_counts)
        self._publisher.poll(0.0 if self._busy else WAIT_SECONDS)
        self._busy = False
        if not self._publisher.ready:
            self._source.pause()
            return
        try:
            raws = self._source.read(0.0 if self._publisher.pending else WAIT_SECONDS)
        except SourceUnavailableError:
            self._mark()  # the saved position later shows which records are new
            raise
        self.read_at = time.monotonic()
        self._meter.last_success.set_to_current_time()
        self._busy = bool(raws)
        self._unmarked = self._unmarked or self._busy
        events = self._map(raws) if raws else []
        due = self._unmarked and time.monotonic() - self._marked_at >= self._source.checkpoint_seconds
        if events or due:
            # If no checkpoint is due, a later one saves the position.
            self._publisher.publish(events, self._checkpoint() if due else lambda: None)

    def drain(self, grace_seconds: float) -> None:
        """Wait up to `grace_seconds` until all events are confirmed, and acknowledge the records whose events are.

        Reads nothing. Do not call `step` afterwards.
        """
        deadline = time.monotonic() + grace_seconds
        self._mark()
        self._publisher.poll(0.0)
        while self._publisher.pending and time.monotonic() < deadline:
            self._publisher.poll(WAIT_SECONDS)

    def _mark(self) -> None:
        if self._unmarked:
            self._publisher.publish((), self._checkpoint())

    def _checkpoint(self) -> Callable[[], None]:
        self._unmarked = False
        self._marked_at = time.monotonic()
        return partial(self._acknowledge, self._source.position())

    def _acknowledge(self, position: Any) -> None:
        self._rejects.sync()
        self._source.acknowledge(position)
        self._meter.update_reconcile_stats(self._source.reconcile_stats)

    def _map(self, raws: Sequence[Any]) -> list[Event]:
        events: list[Event] = []
        ignored = 0
        now = datetime.now(UTC)
        map_one = self._map_with_note if self._attempts.is_careful else self._map_record
        with self._attempts.batch():
            for raw in raws:
                outcome = map_one(raw, now)
                if isinstance(outcome, Reject):
                    self._meter.rejects_dropped.inc(self._rejects.add(outcome))
                    self._meter.errors[outcome.reason].inc()
                    self._meter.answers_rejected.inc(outcome.reports_answer)
                elif outcome:
                    events.extend(outcome)
                else:
                    ignored += 1
        self._meter.read.inc(len(raws))
        self._meter.ignored.inc(ignored)
        return events

    def _map_record(self, raw: Any, now: datetime) -> Outcome:
        return map_or_reject(self._source.map, self._source.reject, raw, now, self._add_reasons)

    def _map_with_note(self, raw: Any, now: datetime) -> Outcome:
        """Map a record with its own note in `attempts`; reject a record that has ended too many processes."""
        content = content_of(raw)
        return self._attempts.attempt(
            content, lambda: self._map_record(raw, now), lambda: Reject(Reason.INTERNAL_ERROR, content, REFUSED)
        )


def map_or_reject(
    map_one: Callable[[Raw], Outcome],
    reject: Callable[[Raw, Reason, str], Reject],
    raw: Raw,
    now: datetime,
    add_reasons: Callable[[Sequence[Event]], Sequence[Event]] | None = None,
) -> Outcome:
    """Return the outcome of `map_one`. Return a rejection if it raises, or if an event's time is too far from `now`.

    `add_reasons` adds the reasons for contact that the events set. None if another step adds them, or none are needed.
    """
    try:
        outcome = map_one(raw)
        if not isinstance(outcome, Reject):
            # The broker refuses times too far ahead, and one refused record would block all later ones.
            for event in outcome:
                check_event_time(event.time, now)
            if add_reasons:
                outcome = add_reasons(outcome)
    except UnusableRecord as error:
        return _reject(reject, raw, error.reason, error.detail)
    except Exception as error:  # noqa: BLE001 - a defect in a mapping must not stop the source
        log.error("mapping_failed", error=safe_error_text(error))  # noqa: TRY400 - a traceback may contain values
        return _reject(reject, raw, Reason.INTERNAL_ERROR, "")
    return outcome


def _reject(reject: Callable[[Raw, Reason, str], Reject], raw: Raw, reason: Reason, detail: str) -> Reject:
    try:
        return reject(raw, reason, detail)
    except Exception as error:  # noqa: BLE001 - an unmappable record may be too deep or too long for `reject` too
        log.error("mapping_failed", error=safe_error_text(error))  # noqa: TRY400 - the same
        return Reject(reason, content_of(raw), detail)
