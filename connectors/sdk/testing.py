"""What every connector must do, as tests to inherit: `class TestMine(Conformance): …` is most of a connector's test file.

For pytest; it needs the connector, a configuration, records in the source's own format, and the personal values in them.
"""
# ruff: noqa: D102 - a test's name says what it shows

import base64
import hashlib
import logging
import re
import uuid
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr

from connectors.sdk import rejects
from connectors.sdk.config import Options, is_secret, parse, speaks_french, table, walk
from connectors.sdk.contract import Connector, Context, Source
from connectors.sdk.cursor import Cursor
from connectors.sdk.errors import ConfigError
from connectors.sdk.files import make_private_directory
from connectors.sdk.flow import Flow
from connectors.sdk.keys import Keys
from connectors.sdk.kinds import kind_of
from connectors.sdk.metrics import Meter, Metrics
from connectors.sdk.probe import Found, look
from models.codec import decode, encode
from models.events import Event
from models.identities import normalise_email, normalise_phone
from models.ids import event_id
from models.reasons import Reason

INSTANCE = "essai"
SECRET_NAMES: Final = re.compile(r"(?:^|[._])(?:password|passphrase|secret|token|api_key)s?$")
"""How options are named that hold a secret."""
PHONE: Final = re.compile(r"\+?[0-9 .()/-]{6,}")
"""What is written as a phone number is."""


class HeldPublisher:
    """A publisher that confirms nothing until it is told to."""

    ready = True

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.safe: list[Event] = []
        """Those of them that were confirmed: all that is left of them if the process is killed."""
        self._held: deque[tuple[Sequence[Event], Callable[[], None]]] = deque()

    @property
    def pending(self) -> bool:
        """Whether something is held."""
        return bool(self._held)

    def publish(self, events: Sequence[Event], confirmed: Callable[[], None]) -> None:
        """Take events and hold them."""
        self.events.extend(events)
        self._held.append((events, confirmed))

    def poll(self, wait_seconds: float) -> None:
        """Do nothing."""

    def confirm(self, most: int = 1_000_000) -> None:
        """Confirm the oldest `most` of what is held."""
        for _ in range(min(most, len(self._held))):
            events, confirmed = self._held.popleft()
            self.safe.extend(events)
            confirmed()

    def close(self) -> None:
        """Forget what is held, as a process does that is killed."""
        self._held.clear()


class Bench:
    """One instance of a connector on a workbench: opened and closed at will, its publisher held."""

    def __init__(self, connector: Connector[Any], options: dict[str, Any], directory: Path, keys: Path) -> None:
        self.directory = directory / connector.name / INSTANCE
        self.registry = CollectorRegistry()
        self.source = f"{connector.name}/{INSTANCE}"
        self._connector = connector
        self.config = parse(connector.config, INSTANCE, options)
        self._keys = keys
        self._meter = Meter(Metrics(self.registry), self.source)
        self.positions: list[Any] = []
        """Where the source said it was, whenever it was asked, in order."""
        self.acknowledged: list[Any] = []
        """What was acknowledged to it, in order."""
        make_private_directory(self.directory)

    @contextmanager
    def opened(self) -> Iterator[tuple[Flow, HeldPublisher]]:
        """Open the instance where it was acknowledged last; what is not confirmed at the end is not."""
        with (
            closing(rejects.Rejects(self.directory)) as kept,
            closing(HeldPublisher()) as publisher,
            closing(self._connector.open(self.config, self._context())) as source,
        ):
            source.checkpoint_seconds = 0.0
            self._watch(source)
            yield Flow(source, publisher, kept, self._meter), publisher

    def read_all(self, *, confirm: bool) -> list[Event]:
        """Return the events of all that the source has, from where it was."""
        with self.opened() as (flow, publisher):
            run_dry(flow, self.records_read)
            if confirm:
                publisher.confirm()
            return publisher.events

    def probe(self) -> Found:
        """Try the source as `accueil connectors check` does."""
        return look(self._connector, self.config, self._context())

    def rejected(self) -> dict[Reason, float]:
        """Return how many records were rejected since this bench was made, by reason; our own failures among them."""
        labels = {"connector": self.source}
        counts = {
            reason: self.registry.get_sample_value("connector_errors_total", labels | {"reason": reason}) or 0.0
            for reason in Reason
        }
        return {reason: count for reason, count in counts.items() if count}

    def records_read(self) -> float:
        """Return how many records were read since this bench was made."""
        return self.registry.get_sample_value("connector_records_read_total", {"connector": self.source}) or 0.0

    def _context(self) -> Context:
        keys = Keys(self._keys, self.directory)
        return Context(self.source, self.directory, Cursor(self.directory), keys.key_of)

    def _watch(self, source: Source[Any, Any]) -> None:
        tell, take = source.position, source.acknowledge

        def note_position() -> Any:
            self.positions.append(tell())
            return self.positions[-1]

        def note_acknowledged(position: Any) -> None:
            self.acknowledged.append(position)
            take(position)

        source.position, source.acknowledge = note_position, note_acknowledged  # type: ignore[method-assign]


def run_dry(flow: Flow, records_read: Callable[[], float]) -> None:
    """Let `flow` turn until the source has nothing more."""
    before = -1.0
    while records_read() != before:
        before = records_read()
        flow.turn()


class Conformance(ABC):
    """The suite. A subclass says what the connector is and gives it something to read."""

    connector: ClassVar[Connector[Any]]
    readme: ClassVar[Path]
    """It holds the table of options, as `connectors.sdk.config.table` writes it."""
    personal: ClassVar[Sequence[str]]
    """Values in the records that must not leave the connector: numbers, names, addresses."""

    @abstractmethod
    def options(self, directory: Path) -> dict[str, Any]:
        """Return a configuration whose source is in `directory`."""

    @abstractmethod
    def supply(self, directory: Path, part: int, parts: int) -> None:
        """Put the `part`-th of `parts` portions of some records (good, bad, personal) where the source finds them."""

    def bench(self, directory: Path) -> Bench:
        """Return a bench whose source is in `directory`; all benches of a test have the same keys."""
        directory.mkdir(exist_ok=True)
        return Bench(self.connector, self.options(directory), directory / "data", directory.parent / "keys")

    def refusal(self, options: dict[str, Any]) -> str:
        """Return why `options` are refused, a line per mistake; nothing if they are not."""
        try:
            parse(self.connector.config, INSTANCE, options)
        except ConfigError as error:
            return str(error)
        return ""

    @pytest.fixture
    def supplied(self, tmp_path: Path) -> Bench:
        """A bench whose source, in `tmp_path`/source, has all records."""
        bench = self.bench(tmp_path / "source")
        self.supply(tmp_path / "source", 0, 1)
        return bench

    def test_an_unknown_option_is_refused_by_name(self, tmp_path: Path) -> None:
        options = self.options(tmp_path) | {"no_such_option": "a-secret-value"}
        with pytest.raises(ConfigError, match=f"{INSTANCE}.no_such_option ") as refusal:
            parse(self.connector.config, INSTANCE, options)
        assert "a-secret-value" not in str(refusal.value)

    def test_every_mistake_names_its_option_and_no_value(self, tmp_path: Path) -> None:
        options = self.options(tmp_path)
        for name, option in self.connector.config.model_fields.items():
            wrong = "a-secret-value" if kind_of(option.annotation)[0] == "table" else {"no_such_key": "a-secret-value"}
            refusal = self.refusal(options | {name: wrong})
            assert all(re.match(rf"{INSTANCE}\.{name}[. ]", line) for line in refusal.splitlines()), refusal
            assert "a-secret-value" not in refusal
            if option.is_required():
                ways = {name, f"{name}_file", f"{name}_env"}
                refusal = self.refusal({key: value for key, value in options.items() if key not in ways})
                assert re.search(rf"^{INSTANCE}\.{name} ", refusal, re.MULTILINE), f"{name}: {refusal}"

    def test_secrets_are_masked(self, tmp_path: Path) -> None:
        model = self.connector.config
        named = [option for option in walk(model) if SECRET_NAMES.search(option.path)]
        assert not [option.path for option in named if not is_secret(option.field)], "make it a SecretStr"
        config = parse(model, INSTANCE, self.options(tmp_path))
        shown = f"{config!r} {config} {config.model_dump(mode='json')}"
        assert not [secret for secret in secrets_of(config) if secret in shown]

    def test_the_readme_tells_all_options(self) -> None:
        write = f"accueil connectors docs {self.connector.name} --write"
        assert table(self.connector.config) in self.readme.read_text(encoding="utf-8"), write
        french = self.readme.with_name("README.fr.md")
        if french.exists() and speaks_french(self.connector.config):
            assert table(self.connector.config, "fr") in french.read_text(encoding="utf-8"), write

    def test_events_are_what_the_vocabulary_says(self, supplied: Bench) -> None:
        events = supplied.read_all(confirm=True)
        assert events
        assert {event.source for event in events} == {supplied.source}
        assert [decode(encode(event)) for event in events] == events

    def test_the_same_records_have_the_same_ids(self, supplied: Bench) -> None:
        first, second = supplied.read_all(confirm=False), supplied.read_all(confirm=False)
        assert identity(first) == identity(second)
        assert len({event.id for event in first}) == len(first)

    def test_nothing_is_acknowledged_before_it_is_confirmed(self, supplied: Bench) -> None:
        unconfirmed = supplied.read_all(confirm=False)
        assert identity(supplied.read_all(confirm=True)) == identity(unconfirmed)
        assert supplied.read_all(confirm=True) == []

    def test_positions_are_acknowledged_in_order_and_only_once_confirmed(self, supplied: Bench) -> None:
        with supplied.opened() as (flow, publisher):
            run_dry(flow, supplied.records_read)
            assert supplied.acknowledged == []
            publisher.confirm()
        assert supplied.acknowledged
        assert supplied.acknowledged == supplied.positions

    def test_confirmed_in_part_it_goes_on_after_that(self, supplied: Bench) -> None:
        whole, safe = identity(supplied.read_all(confirm=False)), []
        for most in (1, 1, 2, 1_000_000):
            with supplied.opened() as (flow, publisher):
                run_dry(flow, supplied.records_read)
                publisher.confirm(most)
                safe += identity(publisher.safe)
        assert list(dict.fromkeys(safe)) == whole
        assert supplied.read_all(confirm=True) == []

    def test_a_bad_record_is_kept_with_its_reason(self, supplied: Bench) -> None:
        supplied.read_all(confirm=True)
        kept = Counter(one.reject.reason for one in rejects.read(supplied.directory))
        assert kept, "no bad record was supplied, so this shows nothing"
        assert kept == supplied.rejected()
        assert Reason.INTERNAL_ERROR not in kept, "map raised: see mapping_failed in the log"

    def test_a_probe_changes_nothing(self, supplied: Bench, tmp_path: Path) -> None:
        unprobed = self.bench(tmp_path / "unprobed")
        self.supply(tmp_path / "unprobed", 0, 1)
        supplied.probe()
        assert Cursor(supplied.directory).load() is None
        assert not [*rejects.read(supplied.directory)]
        assert identity(supplied.read_all(confirm=True)) == identity(unprobed.read_all(confirm=True))

    def test_a_restart_anywhere_changes_nothing(self, supplied: Bench, tmp_path: Path) -> None:
        whole = identity(supplied.read_all(confirm=True))
        bench, told, safe = self.bench(tmp_path / "in-parts"), 0, []
        random, parts = Random(5), 25  # noqa: S311 - which parts are confirmed does not matter, so it is drawn
        for part in range(parts):
            self.supply(tmp_path / "in-parts", part, parts)
            confirm = random.random() < 0.5
            events = identity(bench.read_all(confirm=confirm))
            told += len(events)
            safe += events if confirm else []
        last = identity(bench.read_all(confirm=True))
        assert list(dict.fromkeys(safe + last)) == whole
        assert told + len(last) > len(whole), "no record was read a second time, so this shows nothing"

    def test_nothing_personal_leaves(self, supplied: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        records = contents(tmp_path / "source", but=supplied.directory)
        missing = [value for value in self.personal if value not in records]
        assert not missing, f"{missing} not in the records: this shows nothing"
        with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
            probed = supplied.probe()
            events = supplied.read_all(confirm=True)
        metrics = generate_latest(supplied.registry).decode()
        details = [one.reject.detail for one in rejects.read(supplied.directory)]
        told = [*(encode(event).decode() for event in events), metrics, str(logs), caplog.text, str(probed), *details]
        outside = "\n".join(told).lower()
        assert not [secret for secret in secrets_of(supplied.config) if secret.lower() in outside]
        for value in self.personal:
            assert not [how for how, text in disguises(value, supplied.source).items() if text.lower() in outside], (
                value
            )

    def test_what_is_kept_is_for_this_user_alone(self, supplied: Bench, tmp_path: Path) -> None:
        supplied.read_all(confirm=True)
        kept = [supplied.directory, *supplied.directory.rglob("*"), *(tmp_path / "keys").rglob("*")]
        assert not [path for path in kept if path.stat().st_mode & 0o077]


def identity(events: Sequence[Event]) -> list[bytes]:
    """Return what must be the same whenever the same records are read: all but the time of reading."""
    return [encode(event.model_copy(update={"recordedtime": None})) for event in events]


def contents(directory: Path, but: Path) -> str:
    """Return what the files in `directory` are called and hold, at any depth, except those in `but`."""
    files = [path for path in directory.rglob("*") if path.is_file() and not path.is_relative_to(but)]
    return "\n".join(f"{path.relative_to(directory)}\n{path.read_text('utf-8', 'replace')}" for path in files)


def disguises(value: str, source: str) -> dict[str, str]:
    """Return the forms in which a personal value could get out: as it is, normalised, and by a hash that anyone can compute.

    Those of a hash are its first 16 characters: enough, should it be cut.
    """
    plain = {
        "as it is": value,
        "phone": normalise_phone(value) or value,
        "e-mail": normalise_email(value) or value,
    }
    if PHONE.fullmatch(value):
        plain |= {"digits": re.sub(r"\D", "", value), "phone, in digits": plain["phone"].removeprefix("+")}
    forms = dict(plain)
    for how, text in plain.items():
        for name in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(name, text.encode(), usedforsecurity=False)
            forms[f"{name} of {how}"] = digest.hexdigest()[:16]
            forms[f"{name} of {how}, in Base64"] = base64.urlsafe_b64encode(digest.digest()).decode()[:16]
        for namespace in (uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID, uuid.NAMESPACE_X500):
            for make in (uuid.uuid3, uuid.uuid5):
                forms[f"{make.__name__} of {how}, in {namespace}"] = str(make(namespace, text))
        forms[f"event of {how}"] = event_id(source, text)
    return forms


def secrets_of(value: Any) -> Iterator[str]:
    """Yield every secret in a configuration."""
    match value:
        case SecretStr():
            yield from filter(None, [value.get_secret_value()])
        case Options():
            yield from secrets_of([getattr(value, name) for name in type(value).model_fields])
        case Mapping():
            yield from secrets_of([*value.values()])
        case list() | tuple():
            yield from chain.from_iterable(map(secrets_of, value))
