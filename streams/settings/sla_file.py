"""Load the SLA file (calendars and policies), validate it, and reload it when it changes."""

import time
import tomllib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import ValidationError

from connectors.sdk.config_errors import allowed, error_path, format_key_path, known_keys_at, list_details, suggest
from connectors.sdk.errors import describe_os_error
from models.locale import _
from models.policies import Policies, SlaFile
from streams.settings.schema import ConfigError

CHECK_SECONDS: Final = 2.0
"""Interval of the checks for a changed file."""

log = structlog.get_logger(__name__)


def load_policies(path: Path | None, named_by: str = "") -> Policies:
    """Return the policies of a file; no policies for None. `named_by`: the settings file or variable that names it, if any.

    Raise `ConfigError` with one line per error: file, key and reason. If the file is unreadable or not UTF-8, the line starts
    with `named_by`.
    """
    if path is None:
        return Policies()
    try:
        content = path.read_bytes()
        text = content.decode()
        file = SlaFile.model_validate(tomllib.loads(text))
    except OSError as error:
        raise ConfigError(f"{_error_prefix(named_by)} {describe_os_error(error, path)}") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error, path, text))) from None
    except UnicodeDecodeError:
        reason = _("{path} is not UTF-8", path=path)
        raise ConfigError(f"{_error_prefix(named_by)} {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_("{place}: not valid TOML: {error}", place=path, error=error)) from None
    if errors := [_line(path, text, keys, message) for keys, message in file.mistakes()]:
        raise ConfigError("\n".join(errors))
    return Policies(file, sha256(content).hexdigest()[:16])


def _error_prefix(named_by: str) -> str:
    if not named_by:
        return _("SLA file:")
    return _("{origin}: sla: the SLA file", origin=named_by)


class WatchedPolicies(Collector):
    """Policies of a file that may change. While the file is invalid, the previous policies stay in force.

    Each invalid version causes one warning.

    As a Prometheus collector, it exports whether the last reload succeeded.
    """

    def __init__(self, path: Path | None, named_by: str = "") -> None:
        """Load the file; None: no policies. Raise `ConfigError` if it is invalid; `named_by` as in `load_policies`."""
        self._path, self._named_by = path, named_by
        self._stamp = self._read_stamp()  # before loading, so that a concurrent change is noticed later
        self._policies = load_policies(path, named_by)
        self._checked_at = time.monotonic()
        self._is_refused = False

    def collect(self) -> Iterator[Metric]:
        """Yield the metric of the last reload."""
        yield GaugeMetricFamily(
            "pipeline_sla_file_last_reload_successful",
            "1 if the latest SLA file is valid, 0 while the previous version stays in force.",
            value=float(not self._is_refused),
        )

    def __call__(self) -> Policies:
        """Return the current policies. Reload the file first if it has changed, which is checked every `CHECK_SECONDS`."""
        if self._path is not None and time.monotonic() - self._checked_at >= CHECK_SECONDS:
            self._checked_at = time.monotonic()
            if (stamp := self._read_stamp()) != self._stamp:
                self._stamp = stamp
                self._reload()
        return self._policies

    def _reload(self) -> None:
        try:
            policies = load_policies(self._path, self._named_by)
        except ConfigError as error:
            self._is_refused = True
            log.warning("sla_file_refused", path=str(self._path), detail=str(error))
            return
        if self._is_refused:
            self._is_refused = False
            log.warning("sla_file_usable", path=str(self._path))  # a warning, like the one before
        if policies.fingerprint != self._policies.fingerprint:
            for event, removed in (
                ("sla_calendars_gone", self._policies.calendars.keys() - policies.calendars.keys()),
                ("sla_targets_gone", _names(self._policies) - _names(policies)),
            ):
                if removed:
                    log.warning(event, path=str(self._path), detail=", ".join(sorted(removed)))
            self._policies = policies
            log.info("sla_file_read", path=str(self._path))

    def _read_stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat() if self._path else None
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size) if found else None


def _names(policies: Policies) -> set[str]:
    return {f"{terms.policy}.clocks.{terms.kind}" for terms, _ in policies.sla_targets()}


def _explain(error: ValidationError, path: Path, text: str) -> Iterator[str]:
    for detail in list_details(error):
        keys, reason = error_path(detail), allowed(detail)
        if detail["type"] == "extra_forbidden":
            reason += suggest(str(keys[-1]), known_keys_at(SlaFile, keys[:-1]))
        yield _line(path, text, keys, reason)


def _line(path: Path, text: str, keys: Sequence[int | str], reason: str) -> str:
    return f"{path}: {format_key_path(keys, tomllib.loads(text))}: {reason}"
