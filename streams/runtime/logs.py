"""Logs: one renderer for structlog and the standard library, no personal data, no storms.

What may be said is a list of keys; any other key is dropped. Texts of libraries pass, since operators need them, but
all that looks like a telephone number, an e-mail address, a payload or a password of an address is masked.
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
"""All that a log record may carry besides its text. Add a key here only if none of its values is about a person."""

NAMES: Final = frozenset({"connector", "receiver", "file", "next_file", "path"})
"""Keys whose values tell one thing from another, down to the digits in them."""

LIBRARIES: Final = (
    "kafka",  # at DEBUG it prints whole frames, payloads and all
    "aiokafka",
    "faust",
    "mode",
    "streams.engine.transport",  # Faust's services, under the names of our classes
    "jgo",
    "asyncio",
    "alembic",
    "sqlalchemy",
    "urllib3",
    "httpx",  # at INFO it prints whole addresses, with what is asked for
    "httpcore",
    "uvicorn.access",
)
"""Loggers of which only warnings and worse are written, and nothing is shown on the console of `accueil up`."""
REPEAT_SECONDS: Final = 60.0

_DIGITS: Final = re.compile(r"\d+")
_PERSONAL: Final = re.compile(
    r"""
      (?<![^\s@<>"'()=:,;])[^\s@<>"'()=:,;]++@[^\s@<>"'()=:,;]+\.[A-Za-z]{2,}                # e-mail address
    | (?<![\w.-]) (?:(?:\+|00)[1-9]\d{0,2} (?:[ .-]?\(0\))? (?:[ .-]?\d){6,12}                # international number
                  | 0[1-9](?:[ .-]?\d\d){4}) (?![\w-])                                       # French number
    | (?<=://)[^\s/@]++(?=@)                                                                  # name and password of an address
    | (?<=[?&])[\w.-]{0,30}(?i:password|passwd|secret|token|key)=[^\s&"']++                     # its parameters
    | \bb'(?:[^'\\]|\\.)*+(?:'|\Z) | \bb"(?:[^"\\]|\\.)*+(?:"|\Z)                            # bytes: a payload
    """,
    re.VERBOSE,
)
"""Texts that look personal or secret. Matching takes linear time: an e-mail address is tried only at the start of a word."""
MAX_CHARACTERS: Final = 16_384
"""Limit of one value's text; longer texts are cut."""
_CUT: Final = 400
"""Characters dropped before a cut: the pattern cannot match an address or number that is cut through."""


def configure(level: str = "info", style: str = "console", stream: TextIO | TextIOBase | None = None) -> None:
    """Send all logging of this process to `stream` (stderr), as lines for people (`console`) or as JSON (`json`).

    Errors that nobody catches are logged in the same way. May be called again: the last call counts.
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
            foreign_pre_chain=common,
            processors=[_add_repeated, structlog.processors.format_exc_info, redact, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(capture=True)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    logging.getLogger("kafka.net.sasl.scram").addFilter(_is_true_of_scram)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught


def _is_true_of_scram(record: logging.LogRecord) -> bool:
    """Return False for kafka-python's warning that SCRAM sends credentials in the clear: SCRAM does not send the password."""
    return record.msg != "Exchanging credentials in the clear during Sasl Authentication"


def redact(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return `record` with its known keys alone, and without anything that looks personal in their values."""
    return {key: _mask(value) for key, value in record.items() if key in KEYS}


class Repeats(logging.Filter):
    """Lets a warning or error pass once in `seconds`; the next one that passes tells how many were held back.

    Two records are the same if their text and values are, numbers apart: a lost broker is named by several thousand lines a
    minute. The numbers in names count.
    """

    def __init__(self, seconds: float = REPEAT_SECONDS, remembered: int = 256) -> None:
        super().__init__()
        self._seconds = seconds
        self._remembered = remembered
        self._seen: OrderedDict[tuple[str, int, str], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is to be shown; sets its `repeated`."""
        if record.levelno < logging.WARNING:
            return True
        key = (record.name, record.levelno, _sameness(record))
        since, held_back = self._seen.get(key, (float("-inf"), 0))
        now = time.monotonic()  # a clock that is put back would silence all that was said
        shown = now - since >= self._seconds
        self._seen[key] = (now, 0) if shown else (since, held_back + 1)
        self._seen.move_to_end(key)
        while len(self._seen) > self._remembered:
            self._seen.popitem(last=False)
        record.repeated = held_back if shown else 0
        return shown


def _sameness(record: logging.LogRecord) -> str:
    """Return the text of which two records that are to count as the same have the same."""
    message = record.msg
    if not isinstance(message, dict):
        with suppress(TypeError, ValueError, KeyError):  # values that do not fit the text: the handler says so
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
