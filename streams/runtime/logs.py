"""Logging: one renderer for structlog and the standard library, without personal data, and with a limit on repeated messages.

Only allowed keys are logged; all others are dropped. Messages of libraries are logged, since operators need them, but texts that
look like a phone number, an e-mail address, a payload or a password in a URL are masked.
"""

import logging
import re
import sys
import time
from collections import OrderedDict
from collections.abc import MutableMapping
from contextlib import suppress
from io import TextIOBase
from typing import Any, Final, TextIO, cast

import structlog
from structlog.types import ExcInfo, Processor

KEYS: Final = frozenset(
    {
        *("event", "level", "logger", "timestamp", "exception", "repeated"),
        *("host", "port", "url", "path", "file", "next_file", "offset", "exit_code"),
        *("connector", "receiver", "attempts", "unconfirmed", "records_kept", "bytes_cut", "trouble"),
        *("topic", "count", "partition", "partitions", "rows", "replayed", "warm", "seconds"),
        *("reason", "detail", "error"),
        *("method", "route", "status"),
    }
)
"""Allowed keys of a log record. Add a key only if its values never concern a person."""

NAMES: Final = frozenset({"connector", "receiver", "file", "next_file", "path"})
"""Keys with names as values: records that differ in them, even only in digits, are not repetitions of each other."""

LIBRARIES: Final = (
    "kafka",  # at DEBUG it prints whole frames, including payloads
    "aiokafka",
    "faust",
    "mode",
    "streams.engine.transport",  # Faust's services log under the names of our subclasses
    "jgo",
    "asyncio",
    "alembic",
    "sqlalchemy",
    "urllib3",
    "httpx",  # at INFO it prints whole URLs, including their parameters
    "httpcore",
    "uvicorn.access",
)
"""Loggers limited to warnings and errors. The console of `accueil up` shows only those in `console.MESSAGES`."""
REPEAT_SECONDS: Final = 60.0
"""Minimum interval between two repetitions of a warning or error."""

_DIGITS: Final = re.compile(r"\d+")
_PERSONAL: Final = re.compile(
    r"""
      (?<![^\s@<>"'()=:,;])[^\s@<>"'()=:,;]++@[^\s@<>"'()=:,;]+\.[A-Za-z]{2,}                # e-mail address
    | (?<![\w.-]) (?:(?:\+|00)[1-9]\d{0,2} (?:[ .-]?\(0\))? (?:[ .-]?\d){6,12}                # international number
                  | 0[1-9](?:[ .-]?\d\d){4}) (?![\w-])                                       # French number
    | (?<=://)[^\s/@]++(?=@)                                                                  # name and password in a URL
    | (?<=[?&])[\w.-]{0,30}(?i:password|passwd|secret|token|key)=[^\s&"']++                     # parameters of a URL
    | \bb'(?:[^'\\]|\\.)*+(?:'|\Z) | \bb"(?:[^"\\]|\\.)*+(?:"|\Z)                            # bytes: a payload
    """,
    re.VERBOSE,
)
"""Pattern of personal or secret texts. It matches in linear time, since it tries e-mail addresses only at the start of a word."""
MAX_CHARACTERS: Final = 16_384
"""Maximum length of a value; longer ones are cut."""
_CUT: Final = 400
"""Number of characters removed at a cut, since the pattern does not match an address or number that was cut in two."""


def configure(level: str = "info", style: str = "console", stream: TextIO | TextIOBase | None = None) -> None:
    """Write the logs of this process from `level` up to `stream` (default stderr), as text (`console`) or as JSON (`json`).

    Uncaught exceptions are logged too. A later call replaces the configuration.
    """
    stream = stream or sys.stderr
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.addFilter(Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common, processors=[_add_repeated, structlog.processors.format_exc_info, redact, renderer]
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("kafka.net.sasl.scram").addFilter(_is_not_clear_text_warning)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught


def _is_not_clear_text_warning(record: logging.LogRecord) -> bool:
    """Return False for kafka-python's warning about clear-text credentials, which is wrong: SCRAM does not send the password."""
    return record.msg != "Exchanging credentials in the clear during Sasl Authentication"


def redact(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return `record` with the allowed keys only, and with personal texts masked in their values."""
    return {key: _mask(value) for key, value in record.items() if key in KEYS}


class Repeats(logging.Filter):
    """Filter that passes a warning or error once in `seconds`; the next one reports the number of suppressed repetitions.

    A lost broker causes several thousand lines a minute. Only the `remembered` latest messages are compared.

    Two records are the same if their texts and values differ only in digits; digits in the values of `NAMES` distinguish records.
    """

    def __init__(self, seconds: float = REPEAT_SECONDS, remembered: int = 256) -> None:
        super().__init__()
        self._seconds = seconds
        self._remembered = remembered
        self._seen: OrderedDict[tuple[str, int, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether `record` must be logged; set its attribute `repeated` to the number of suppressed ones before it."""
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, record.levelno, _repetition_key(record))
        since, suppressed = self._seen.get(key, (float("-inf"), 0))
        now = time.monotonic()  # not the wall clock, which may be set back
        shown = now - since >= self._seconds
        self._seen[key] = (now, 0) if shown else (since, suppressed + 1)
        self._seen.move_to_end(key)
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        record.repeated = suppressed if shown else 0
        return shown


def _repetition_key(record: logging.LogRecord) -> str:
    """Return a text that is equal for repetitions of the same message."""
    message = record.msg
    if not isinstance(message, dict):
        with suppress(TypeError, ValueError, KeyError):  # the handler reports arguments that do not fit the message
            message = record.getMessage()
        return _DIGITS.sub("#", str(message)[:MAX_CHARACTERS])
    return repr(
        [
            (key, value if key in NAMES else _DIGITS.sub("#", str(value)[:MAX_CHARACTERS]))
            for key, value in sorted(message.items())
            if key in KEYS and key != "timestamp"
        ]
    )


def _add_repeated(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if repeated := getattr(record["_record"], "repeated", 0):
        record["repeated"] = repeated
    return record


def _mask(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    masked = _PERSONAL.sub("***", text[:MAX_CHARACTERS])
    return masked if len(text) <= MAX_CHARACTERS else f"{masked[:-_CUT]} ... (cut)"


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    exc_info = cast("ExcInfo", (kind, error, traceback))
    logging.getLogger("accueil").critical("%s: %s", kind.__name__, error, exc_info=exc_info)
