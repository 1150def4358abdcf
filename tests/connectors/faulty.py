"""Connectors with one fault each, and the conformance suite for them; `test_conformance.py` runs it."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import structlog

from connectors.sdk.config import ConnectorConfig, table
from connectors.sdk.contract import Connector, Context, Outcome, Reject, Source
from connectors.sdk.files import PRIVATE_FILE
from connectors.sdk.testing import Conformance, take_part
from connectors.sdk.testing.hostile import CONTENTS, hostile_fields
from models.events import VisitArrived
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

NAME = "Mireille.Exemple"


class Config(ConnectorConfig):
    path: Path
    """Lines `number,epoch,name`."""


class Lines(Source[bytes, int]):
    """A source without a fault."""

    def __init__(self, config: Config, context: Context) -> None:
        self.path, self.context = config.path, context
        self.read_lines = int(context.cursor.load() or 0)

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        new = self.path.read_bytes().splitlines()[self.read_lines :][:3]
        self.read_lines += len(new)
        return new

    def map(self, raw: bytes) -> Outcome:
        try:
            number, epoch, name = raw.decode().split(",")
            time = datetime.fromtimestamp(int(epoch), UTC)
        except (ValueError, OverflowError):
            return Reject(Reason.UNREADABLE_LINE, raw)
        source = self.context.source
        subject = contact_id(Channel.VISIT, source, self.visit_number(number, name))
        return [VisitArrived(id=self.id_of(number), source=source, subject=subject, time=time)]

    def visit_number(self, number: str, name: str) -> str:
        return number

    def id_of(self, number: str) -> str:
        return event_id(self.context.source, number)

    def position(self) -> int:
        return self.read_lines

    def acknowledge(self, position: int) -> None:
        self.context.cursor.save(str(position).encode())

    def close(self) -> None:
        """Nothing to close."""


class Faultless(Conformance):
    personal = (NAME,)
    source: type[Lines] = Lines
    config: type[ConnectorConfig] = Config
    probe: Any = None

    def __init_subclass__(cls) -> None:
        cls.connector = Connector("faulty", cls.config, cls.source, probe=cls.probe)  # type: ignore[arg-type]
        cls.readme = Path(__file__)

    def options(self, directory: Path) -> dict[str, Any]:
        return {"path": str(directory / "lines")}

    def supply(self, directory: Path, part: int, parts: int) -> None:
        lines = [b"%d,%d,%s\n" % (n, 1_773_650_000 + n, NAME.encode()) for n in range(60)]
        lines[20:20] = [b"nonsense\n", b"1,never," + NAME.encode() + b"\n"]
        with (directory / "lines").open("ab") as file:
            file.writelines(take_part(lines, part, parts))

    def supply_hostile(self, directory: Path) -> None:
        contents = [content.replace(b"\n", b"") for content in CONTENTS.values()]
        good = b"900,1773650000,x"
        with (directory / "lines").open("ab") as file:
            file.writelines(line + b"\n" for line in [*contents, *hostile_fields(good, b",")])

    def test_readme_lists_all_options(self) -> None:
        assert table(self.config)


class ParsesInRead(Lines):
    def read(self, wait_seconds: float) -> Sequence[bytes]:
        new = super().read(wait_seconds)
        for line in new:
            with suppress(ValueError):
                json.loads(line)
        return new


class IsQuadratic(Lines):
    def map(self, raw: bytes) -> Outcome:
        if raw.startswith(b"aaa"):  # one record is enough
            re.findall(rb"[^@]+@x", raw)
        return super().map(raw)


class AcknowledgesInRead(Lines):
    def read(self, wait_seconds: float) -> Sequence[bytes]:
        new = super().read(wait_seconds)
        self.context.cursor.save(str(self.read_lines).encode())
        return new


class AcknowledgesMoreThanWasConfirmed(Lines):
    def acknowledge(self, position: int) -> None:
        super().acknowledge(self.read_lines)


class ReadsAhead(Lines):
    ahead: Sequence[bytes] = ()

    def read(self, wait_seconds: float) -> Sequence[bytes]:
        now, self.ahead = self.ahead or super().read(wait_seconds), super().read(wait_seconds)
        return now


class OverwritesItsPosition(Lines):
    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.saved = context.directory / "position"
        self.read_lines = int(self.saved.read_text() if self.saved.exists() else 0)

    def acknowledge(self, position: int) -> None:
        with self.saved.open("w", opener=lambda path, flags: os.open(path, flags, PRIVATE_FILE)) as file:
            file.write(str(position))


class NumbersByReading(Lines):
    numbers = count()

    def id_of(self, number: str) -> str:
        return event_id(self.context.source, str(next(self.numbers)))


class MapRaises(Lines):
    def map(self, raw: bytes) -> Outcome:
        raw.decode().split(",")[2]
        return super().map(raw)


class DropsInvalidRecords(Lines):
    def map(self, raw: bytes) -> Outcome:
        outcome = super().map(raw)
        return () if isinstance(outcome, Reject) else outcome


class PublishesNames(Lines):
    def visit_number(self, number: str, name: str) -> str:
        return f"{name}-{number}"


class PublishesHashesOfNames(Lines):
    def visit_number(self, number: str, name: str) -> str:
        return f"{number}-{sha256(name.encode()).hexdigest()[:20]}"


class LogsNames(Lines):
    def visit_number(self, number: str, name: str) -> str:
        structlog.get_logger().info("visitor", name=name)
        return number


class RejectsWithNames(Lines):
    def map(self, raw: bytes) -> Outcome:
        outcome = super().map(raw)
        return Reject(outcome.reason, raw, str(raw)) if isinstance(outcome, Reject) else outcome


class TestFaultless(Faultless):
    """Passes."""


for fault in Lines.__subclasses__():
    globals()[f"Test{fault.__name__}"] = type(
        f"Test{fault.__name__}", (Faultless,), {"source": fault, "__module__": __name__}
    )


class TestHasNoNames(Faultless):
    personal = (NAME, "Jean Modele")


class TestShowsItsSecret(Faultless):
    class config(Config):  # noqa: N801
        password: str = ""
        """Password of the system."""


def _acknowledge_all(config: Config, context: Context) -> Sequence[Outcome]:
    context.cursor.save(b"10")
    return ()


class TestProbeAcknowledges(Faultless):
    probe = staticmethod(_acknowledge_all)
