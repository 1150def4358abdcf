"""The conformance suite: the required behaviour of every connector, as tests."""
# ruff: noqa: D102 - the names of the tests describe them

import logging
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final, TypeVar

import pytest
import structlog
from prometheus_client import generate_latest

from connectors.sdk import rejects
from connectors.sdk.config import is_secret, kind_of, parse, table, walk
from connectors.sdk.contract import Connector, Source
from connectors.sdk.cursor import Cursor
from connectors.sdk.delivery import SPOOL_ROOM_BYTES
from connectors.sdk.errors import ConfigError
from connectors.sdk.flow import map_or_reject
from connectors.sdk.testing.fake_broker import FakeBroker
from connectors.sdk.testing.harness import INSTANCE, ConnectorHarness, comparable_form, run_until_idle
from connectors.sdk.testing.hostile import grown_bytes
from connectors.sdk.testing.kill_injector import KillInjector
from connectors.sdk.testing.leaks import (
    DISGUISED,
    contents,
    fill,
    forms_outside,
    leak_forms,
    recomputed,
    secrets_of,
    shape_of,
)
from models.codec import decode, encode
from models.events import Event
from models.reasons import Reason

SECRET_NAMES: Final = re.compile(r"(?:^|[._])(?:password|passphrase|secret|token|api_key)s?$")
"""Names of options that contain a secret."""
SMALL_SPOOL_BYTES: Final = SPOOL_ROOM_BYTES + 1
"""Size of a spool that is full after one read with events."""
MOST_SECONDS: Final = 1.0
"""Limit of processor time for one hostile record, and for the records of one read."""
MOST_MEMORY_BYTES: Final = 256 << 20
"""Limit of this process's growth by hostile records, including the fake source in it."""

T = TypeVar("T")


def take_part(items: Sequence[T], part: int, parts: int) -> Sequence[T]:
    """Return part number `part`, from 0, of `items` in `parts` parts of the same length; the last ones may be shorter."""
    length = -(-len(items) // parts)
    return items[part * length : (part + 1) * length]


class Conformance(ABC):
    """The suite. A subclass provides the connector, its options and its records."""

    connector: ClassVar[Connector[Any]]
    readme: ClassVar[Path]
    """File with the table of options that `connectors.sdk.config.table` generates."""
    personal: ClassVar[Sequence[str]]
    """Personal values in the records that must not leave the connector: numbers, names, addresses."""

    @abstractmethod
    def options(self, directory: Path) -> dict[str, Any]:
        """Return the options of the connector for a source in `directory`."""

    @abstractmethod
    def supply(self, directory: Path, part: int, parts: int) -> None:
        """Add part number `part`, from 0, of `parts` of the records (valid, invalid, personal) to the source in `directory`."""

    def supply_hostile(self, directory: Path) -> None:  # noqa: ARG002 - subclasses need it
        """Add records made with `connectors.sdk.testing.hostile`, in the source's own format, to the source in `directory`.

        `supply` does not provide them. Without this method the test of hostile records is skipped.
        """
        pytest.skip(f"{type(self).__name__}.supply_hostile provides no hostile records")

    def filled(self, raw: Any, value: str) -> Iterator[Any]:
        """Yield copies of the raw record `raw`, with the personal `value` in each field in turn.

        This implementation is for JSON: bytes, or the `body` of a message. Override it for other formats.
        """
        if isinstance(raw, bytes):
            yield from fill(raw, value)
        elif isinstance(getattr(raw, "body", None), bytes):
            yield from (raw._replace(body=body) for body in fill(raw.body, value))

    def kind_of(self, raw: Any) -> str:
        """Return the kind of a record; `filled` is tested with one record of each kind."""
        record = getattr(raw, "body", raw)
        return shape_of(record) if isinstance(record, bytes) else ""

    def harness(self, directory: Path) -> ConnectorHarness:
        """Return a harness for the source in `directory`. All harnesses of a test use the same keys."""
        directory.mkdir(exist_ok=True)
        return ConnectorHarness(self.connector, self.options(directory), directory / "data", directory.parent / "keys")

    def refusal(self, options: dict[str, Any]) -> str:
        """Return the error message for `options`, one line per error; empty if they are valid."""
        try:
            parse(self.connector.config, INSTANCE, options)
        except ConfigError as error:
            return str(error)
        return ""

    @pytest.fixture
    def supplied(self, tmp_path: Path) -> ConnectorHarness:
        """Harness for a source in `tmp_path`/source with all records."""
        harness = self.harness(tmp_path / "source")
        self.supply(tmp_path / "source", 0, 1)
        return harness

    def test_configuration_errors_name_the_option_but_not_its_value(self, tmp_path: Path) -> None:
        options = self.options(tmp_path)
        refusal = self.refusal(options | {"no_such_option": "a-secret-value"})
        assert f"{INSTANCE}.no_such_option " in refusal
        assert "a-secret-value" not in refusal
        for name, option in self.connector.config.model_fields.items():
            wrong = (
                "a-secret-value" if kind_of(option.annotation, "en") == "table" else {"no_such_key": "a-secret-value"}
            )
            refusal = self.refusal(options | {name: wrong})
            assert all(re.match(rf"{INSTANCE}\.{name}[. ]", line) for line in refusal.splitlines()), refusal
            assert "a-secret-value" not in refusal
            if option.is_required():
                variants = {name, f"{name}_file", f"{name}_env"}
                refusal = self.refusal({key: value for key, value in options.items() if key not in variants})
                assert re.search(rf"^{INSTANCE}\.{name} ", refusal, re.MULTILINE), f"{name}: {refusal}"

    def test_secrets_are_masked(self, tmp_path: Path) -> None:
        model = self.connector.config
        named = [option for option in walk(model) if SECRET_NAMES.search(option.path)]
        assert not [option.path for option in named if not is_secret(option.field.annotation)], "make it a SecretStr"
        config = parse(model, INSTANCE, self.options(tmp_path))
        shown = f"{config!r} {config} {config.model_dump(mode='json')}"
        assert not [secret for secret in secrets_of(config) if secret in shown]

    def test_readme_lists_all_options(self) -> None:
        write = f"accueil connectors docs {self.connector.name} --write"
        assert table(self.connector.config) in self.readme.read_text(encoding="utf-8"), write
        french = self.readme.with_name("README.fr.md")
        if french.exists():
            assert table(self.connector.config, "fr") in french.read_text(encoding="utf-8"), write

    def test_events_are_valid_and_have_the_source(self, supplied: ConnectorHarness) -> None:
        events = supplied.read_all(confirm=True)
        assert events
        assert {event.source for event in events} == {supplied.source}
        assert [decode(encode(event)) for event in events] == events

    def test_same_records_give_the_same_ids(self, supplied: ConnectorHarness) -> None:
        first, second = supplied.read_all(confirm=False), supplied.read_all(confirm=False)
        assert comparable_form(first) == comparable_form(second)
        assert len({event.id for event in first}) == len(first)

    def test_nothing_is_acknowledged_before_it_is_confirmed(self, supplied: ConnectorHarness) -> None:
        unconfirmed = supplied.read_all(confirm=False)
        assert comparable_form(supplied.read_all(confirm=True)) == comparable_form(unconfirmed)
        assert supplied.read_all(confirm=True) == []

    def test_partly_confirmed_reading_continues_after_the_confirmed_part(self, supplied: ConnectorHarness) -> None:
        whole, safe = comparable_form(supplied.read_all(confirm=False)), []
        for most in (1, 1, 2, 1_000_000):
            with supplied.opened() as (flow, publisher):
                run_until_idle(flow, supplied.records_read)
                publisher.confirm(most)
                safe += comparable_form(publisher.safe)
        assert list(dict.fromkeys(safe)) == whole
        assert supplied.read_all(confirm=True) == []

    def test_invalid_records_are_stored_with_a_reason(self, supplied: ConnectorHarness) -> None:
        supplied.read_all(confirm=True)
        stored = stored_reasons(supplied)
        assert stored, "no invalid record was supplied, so this test shows nothing"
        assert stored == supplied.rejected()
        assert Reason.INTERNAL_ERROR not in stored, "map raised: see mapping_failed in the log"

    def test_probe_changes_nothing(self, supplied: ConnectorHarness, tmp_path: Path) -> None:
        unprobed = self.harness(tmp_path / "unprobed")
        self.supply(tmp_path / "unprobed", 0, 1)
        before = contents(tmp_path)
        supplied.probe()
        assert contents(tmp_path) == before
        assert Cursor(supplied.directory).load() is None
        assert not [*rejects.read(supplied.directory)]
        assert comparable_form(supplied.read_all(confirm=True)) == comparable_form(unprobed.read_all(confirm=True))

    def test_reread_from_the_beginning_gives_the_same_events(self, supplied: ConnectorHarness) -> None:
        first = comparable_form(supplied.read_all(confirm=True))
        assert supplied.read_all(confirm=True) == []
        if supplied.start_reread():
            assert comparable_form(supplied.read_all(confirm=True)) == first

    def test_restart_at_any_point_changes_nothing(self, supplied: ConnectorHarness, tmp_path: Path) -> None:
        whole = comparable_form(supplied.read_all(confirm=True))
        harness, published, safe = self.harness(tmp_path / "in-parts"), 0, []
        random, parts = Random(5), 25  # noqa: S311 - the choice of confirmed parts is not security-relevant
        for part in range(parts):
            self.supply(tmp_path / "in-parts", part, parts)
            confirm = random.random() < 0.5
            events = comparable_form(harness.read_all(confirm=confirm))
            published += len(events)
            safe += events if confirm else []
        last = comparable_form(harness.read_all(confirm=True))
        assert list(dict.fromkeys(safe + last)) == whole
        assert published + len(last) > len(whole), "no record was read twice, so this test shows nothing"

    def test_nothing_personal_leaves(
        self, supplied: ConnectorHarness, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        records = contents(tmp_path / "source", but=supplied.directory)
        missing = [value for value in self.personal if value not in records]
        assert not missing, f"{missing} not in the records, so this test shows nothing"
        with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
            probed = supplied.probe()
            events = supplied.read_all(confirm=True)
        metrics = generate_latest(supplied.registry).decode()
        details = [stored.reject.detail for stored in rejects.read(supplied.directory)]
        texts = [*(encode(event).decode() for event in events), metrics, str(logs), caplog.text, str(probed), *details]
        outside = "\n".join(texts).lower()
        assert not [secret for secret in secrets_of(supplied.config) if secret.lower() in outside]
        for value in self.personal:
            assert not [form for form, text in leak_forms(value, supplied.source).items() if text.lower() in outside], (
                value
            )
            assert not [(event.type, fields) for event in events if (fields := recomputed(value, event))], value

    def test_hostile_records_are_rejected_within_limits_of_time_and_memory(
        self, supplied: ConnectorHarness, tmp_path: Path
    ) -> None:
        whole = _facts(supplied.read_all(confirm=True))
        source = tmp_path / "hostile"
        harness, events = self.harness(source), []
        self.supply(source, 0, 2)
        events += harness.read_all(confirm=True)
        self.supply_hostile(source)
        before = harness.records_read()
        with harness.opened() as (flow, publisher):
            grown = grown_bytes(lambda: run_until_idle(flow, harness.records_read, most_seconds=MOST_SECONDS))
            publisher.confirm()
            events += publisher.events
        assert harness.records_read() > before, "no hostile record was supplied, so this test shows nothing"
        self.supply(source, 1, 2)
        events += harness.read_all(confirm=True)
        lost = whole - _facts(events)
        assert not lost, f"valid records were lost: {lost}"
        assert Reason.INTERNAL_ERROR not in harness.rejected(), "map raised: see mapping_failed in the log"
        assert grown < MOST_MEMORY_BYTES, f"memory grew by {grown >> 20} MiB"
        assert harness.slowest_seconds < MOST_SECONDS, f"one record took {harness.slowest_seconds:.1f} s"

    def test_a_personal_value_in_any_field_stays_inside(self, supplied: ConnectorHarness) -> None:
        leaks, kinds = set[str](), set[str]()

        def map_filled(source: Source[Any, Any], raw: Any) -> None:
            kind = self.kind_of(raw)
            for value in DISGUISED if kind not in kinds else ():
                for record in self.filled(raw, value):
                    outcome = map_or_reject(type(source).map.__get__(source), source.reject, record, datetime.now(UTC))
                    leaks.update(f"{form}: {value}" for form in forms_outside(value, outcome, supplied.source))
            kinds.add(kind)

        supplied.before_map = map_filled
        supplied.read_all(confirm=True)
        assert kinds
        assert not leaks, sorted(leaks)

    def test_stored_files_are_private_to_this_user(self, supplied: ConnectorHarness, tmp_path: Path) -> None:
        supplied.read_all(confirm=True)
        paths = [supplied.directory, *supplied.directory.rglob("*"), *(tmp_path / "keys").rglob("*")]
        assert not [path for path in paths if path.stat().st_mode & 0o077]

    def test_kill_at_any_point_loses_nothing(self, supplied: ConnectorHarness, tmp_path: Path) -> None:
        whole, bad = comparable_form(supplied.read_all(confirm=True)), stored_reasons(supplied)
        kills, before = KillInjector(tmp_path), -1
        for run in map("run-{}".format, count()):
            harness, broker = self.harness(tmp_path / run), FakeBroker()
            self.supply(tmp_path / run, 0, 1)
            harness.run_with_kills(broker, kills)
            assert list(dict.fromkeys(comparable_form(broker.events))) == whole
            assert bad <= stored_reasons(harness)
            assert harness.read_all(confirm=True) == []
            if kills.count == before:
                break
            before = kills.count
        assert kills.count, "no kill point was reached, so this test shows nothing"

    def test_without_a_broker_it_spools_then_stops_reading_then_sends_all_in_order(
        self, supplied: ConnectorHarness, tmp_path: Path
    ) -> None:
        whole = comparable_form(supplied.read_all(confirm=True))
        harness, broker = self.harness(tmp_path / "away"), FakeBroker(away=True)
        self.supply(tmp_path / "away", 0, 2)
        with harness.connected(broker, SMALL_SPOOL_BYTES) as (flow, publisher):
            run_until_idle(flow, harness.records_read)
            assert not publisher.ready, "the first half of the records has no event, so this test shows nothing"
        read = harness.records_read()
        self.supply(tmp_path / "away", 1, 2)
        for _ in range(2):  # no further reading, neither in a running instance nor after a restart
            with harness.connected(broker, SMALL_SPOOL_BYTES) as (flow, _):
                run_until_idle(flow, harness.records_read)
            assert harness.records_read() == read
        broker.away = False
        harness.send_all(broker, SMALL_SPOOL_BYTES)
        assert list(dict.fromkeys(comparable_form(broker.events))) == whole
        assert harness.read_all(confirm=True) == []


def _facts(events: Sequence[Event]) -> set[tuple[object, ...]]:
    """Return type, subject and time of events, but not their ids, which may depend on the number of deliveries."""
    return {(event.type, event.subject, event.time) for event in events}


def stored_reasons(harness: ConnectorHarness) -> Counter[Reason]:
    """Return the number of stored rejected records by reason."""
    return Counter(stored.reject.reason for stored in rejects.read(harness.directory))
