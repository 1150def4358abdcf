"""Read the SLA file: calendars and policies, checked as a whole, and read again when it changes."""

import re
import time
import tomllib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import ValidationError

from connectors.sdk.config_errors import allowed, error_path, format_key_path, known_keys_at, list_details, suggest
from connectors.sdk.errors import describe_os_error
from models.calendars.rules import WEEKDAYS
from models.policies import Policies, SlaFile
from streams.locale.i18n import say
from streams.settings.schema import ConfigError

LOOK_SECONDS: Final = 2.0
"""How often it is looked whether the file changed."""

log = structlog.get_logger(__name__)


def load_policies(path: Path | None, named_by: str = "") -> Policies:
    """Return the policies of a file; None: there are none. `named_by`: the settings file or variable that names it, if one does.

    Raises `ConfigError`, one line per mistake, each with file, line, key and reason. If the file cannot be read, it says
    `named_by`.
    """
    if path is None:
        return Policies()
    try:
        content = path.read_bytes()
        text = content.decode()
        file = SlaFile.model_validate(tomllib.loads(text))
    except OSError as error:
        raise ConfigError(f"{_tell_naming(named_by)} {describe_os_error(error, path)}") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error, path, text))) from None
    except UnicodeDecodeError:
        reason = say(f"{path} is not UTF-8", f"{path} n'est pas en UTF-8")
        raise ConfigError(f"{_tell_naming(named_by)} {reason}") from None
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = found[1] if found else len(text.splitlines())
        raise ConfigError(f"{path}:{line}: {say('not valid TOML:', 'TOML invalide :')} {error}") from None
    if mistakes := [_line(path, text, keys, say(*words)) for keys, *words in file.mistakes()]:
        raise ConfigError("\n".join(mistakes))
    return Policies(file, sha256(content).hexdigest()[:16])


def _tell_naming(named_by: str) -> str:
    if not named_by:
        return say("SLA file:", "fichier SLA :")
    return f"{named_by}: {say('sla: the SLA file', 'sla : le fichier SLA')}"


class WatchedPolicies(Collector):
    """The policies of a file as it is now. While it cannot be used, those before stay, and a warning says so once.

    Registered as a collector, it tells Prometheus whether that is so.
    """

    def __init__(self, path: Path | None, named_by: str = "") -> None:
        """Raises `ConfigError` if the file cannot be used at the start; `named_by` as in `load_policies`."""
        self._path, self._named_by = path, named_by
        self._stamp = self._look()  # before it is read: what is written meanwhile is seen then
        self._policies = load_policies(path, named_by)
        self._looked_at = time.monotonic()
        self._is_refused = False

    def collect(self) -> Iterator[Metric]:
        """Yield whether the file could be used when it was read last."""
        yield GaugeMetricFamily(
            "pipeline_sla_file_last_reload_successful",
            "1 if the SLA file could be used when it was read last, 0 while what it said before holds.",
            value=float(not self._is_refused),
        )

    def __call__(self) -> Policies:
        """Return them; the file is looked at every `LOOK_SECONDS`."""
        if self._path is not None and time.monotonic() - self._looked_at >= LOOK_SECONDS:
            self._looked_at = time.monotonic()
            if (stamp := self._look()) != self._stamp:
                self._stamp = stamp
                self._read_again()
        return self._policies

    def _read_again(self) -> None:
        try:
            policies = load_policies(self._path, self._named_by)
        except ConfigError as error:
            self._is_refused = True
            log.warning("sla_file_refused", path=str(self._path), detail=str(error))
            return
        if self._is_refused:
            self._is_refused = False
            log.warning("sla_file_usable", path=str(self._path))  # for who was warned
        if policies.fingerprint != self._policies.fingerprint:
            for event, gone in (
                ("sla_calendars_gone", self._policies.calendars.keys() - policies.calendars.keys()),
                ("sla_promises_gone", _names(self._policies) - _names(policies)),
            ):
                if gone:
                    log.warning(event, path=str(self._path), detail=", ".join(sorted(gone)))
            self._policies = policies
            log.info("sla_file_read", path=str(self._path))

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None


def _names(policies: Policies) -> set[str]:
    """Return what is promised, in whatever version, as the file has it."""
    return {f"{terms.policy}.clocks.{terms.kind}" for terms, _ in policies.sla_targets()}


def _explain(error: ValidationError, path: Path, text: str) -> Iterator[str]:
    for detail in list_details(error):
        keys, reason = error_path(detail), allowed(detail)
        if detail["type"] == "extra_forbidden":
            reason += suggest(_DAYS.get(str(keys[-1]), str(keys[-1])), known_keys_at(SlaFile, keys[:-1]))
        yield _line(path, text, keys, reason)


def _line(path: Path, text: str, keys: Sequence[int | str], reason: str) -> str:
    return f"{path}:{find_line(text, keys)}: {format_key_path(keys, tomllib.loads(text))}: {reason}"


_DAYS: Final = dict(
    zip(("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"), WEEKDAYS, strict=True)
)
"""What those mean who write days in French."""
_AT_LINE: Final = re.compile(r"\(at line (\d+)")
_HEADER: Final = re.compile(r"^\s*(\[\[?)([^\[\]#]+)\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_SIGN: Final = re.compile(r"""\n|[][{},]|#[^\n]*|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[^][{},#"'\s]+""")
"""What lists are made of."""
_PART: Final = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def find_line(text: str, keys: Sequence[Any]) -> int:
    """Return the line of a TOML text, counted from 1, on which `keys` stands, or the nearest item, table or key above it."""
    wanted = tuple(map(str, keys))
    counts: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    best, best_line = 0, 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _place(_parts(header[2]), counts, grows=header[1] == "[[")
            here = table
        elif key := _KEY.match(line):
            here = (*table, *_parts(key[1]))
        else:
            continue
        if len(here) > best and wanted[: len(here)] == here:
            best, best_line = len(here), number
    if best < len(keys) and isinstance(keys[best], int):
        return _find_item(text.splitlines()[best_line - 1 :], keys[best]) + best_line
    return best_line


def _find_item(lines: Sequence[str], wanted: int) -> int:
    """Return how many lines below the first, on which the key of a list stands, its item `wanted` begins."""
    line, depth, item = 0, 0, 0
    for sign in _SIGN.findall("\n".join(lines).partition("=")[2]):
        if sign == "\n":
            line += 1
        elif sign in {"]", "}"}:
            depth -= 1
        elif sign == ",":
            item += depth == 1
        elif not sign.startswith("#"):
            if depth == 1 and item == wanted:
                return line
            depth += sign in {"[", "{"}
        if depth == 0 and sign in {"]", "}"}:
            break
    return 0


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _place(names: list[str], counts: dict[tuple[str, ...], int], *, grows: bool) -> tuple[str, ...]:
    """Return where a table stands, with the number of each array of tables that it is in."""
    place: tuple[str, ...] = ()
    for depth, name in enumerate(names, start=1):
        place = (*place, name)
        if grows and depth == len(names):
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, str(counts[place]))
    return place
