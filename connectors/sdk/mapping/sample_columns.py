"""Columns of sample records: the form of their values, and the roles that fit their names and values."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.sdk.mapping.compact_times import MIN_SHARE, find_clock_format, find_short_day_format
from connectors.sdk.mapping.conversions import ToTime, Unit, read_number, read_seconds, time_reader
from connectors.sdk.mapping.fields import Record, as_text
from models.identities import normalise_email, normalise_phone

TIME_FORMATS: Final = (
    "iso",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%y %H:%M:%S",
    "%d/%m/%y %H:%M",
    "%d/%m/%y",
    "%Y%m%d%H%M%S",
    "%Y%m%d%H%M",
    "%Y%m%d",
    "%d%m%Y",
    "%d %B %Y",
)
"""Formats of times that are recognised; day before month where both are possible."""
FEW_VALUES: Final = 30
ID_FORMATS: Final = ("", "epoch")
"""Formats of times that an id may seem to have: Asterisk's ids begin with a time."""
_EPOCHS: Final = {"epoch": (1e9, 4e9), "epoch_ms": (1e12, 4e12)}
_SERIALS: Final = (36_526, 73_050)
"""Day numbers of Excel for the years 2000 to 2099."""
_COMPACT_DAY: Final = re.compile(r"\d{8}")
_DAY_NAME: Final = re.compile(r"\bdat(?!a\b)|\bdt\b|\bjour\b|\bday\b|\ble\b")
_CLOCK_NAME: Final = re.compile(r"heure|horaire|hour|\btime\b|appel|depart|parti\b")
_NO_CLOCK_NAME: Final = re.compile(r"temps|delai")
_COMPACT_CLOCK_NAME: Final = re.compile(
    r"heure|horaire|hour|\btime\b|\bhr?\b|\bdebut|\bstart|\bfin$|\bend$|\bhr?e?(?:deb|fin)"
)
"""Words in the names of columns whose numbers may be times of day such as `0905`; other numbers may be extensions."""
_CLOCKS: Final = {
    "%H:%M:%S": re.compile(r"\d?\d:\d\d:\d\d"),
    "%H:%M": re.compile(r"\d?\d:\d\d"),
    "%Hh%M": re.compile(r"\d?\dh\d\d"),
}
"""Times of day by format."""
MIN_TIME_SHARE: Final = 0.8
"""Lowest share of the values in a column that must be times: registers also have notes and short dates in such columns."""
_YEARS: Final = range(1990, 2100)
"""Years of plausible times: `0639980001` is one of the year 639 in the format `%Y%m%d%H%M%S`."""
_NO_NUMBER: Final = re.compile(r"\D*(?:\d{1,5}\D*)?")
"""Caller without a telephone number: withheld, or an extension."""
_NUMBER: Final = re.compile(r"\d+([.,]\d+)?")
_MINUTES: Final = re.compile(r"\bmin(?:utes?)?\b")
_MILLISECONDS: Final = re.compile(r"\bms\b|milli")
_CALLER: Final = r"tel|phone|mobile|portable|caller|appelant|calling|\bsrc\b|\bani\b|clid|\bfrom\b"
_QUEUE: Final = r"queue|file|group|skill|pilote"
ROLES: Final = {
    "line": r"appelee?\b|called|dialled|\bdnis\b|\bsda\b|ligne|\bline\b",
    "phone": rf"{_CALLER}|\bnumero\b|\bnumber\b",
    "email": r"mail|courriel|\bmel\b",
    "id": (
        r"\bid\b|uid|uuid|uniqueid|\bref|reference|\bnumero\b|\bnumber\b|\bnum\b|\bn\b|\bno\b|chrono|\bregistre|dossier|ticket"
        r"|\bcode\b"
    ),
    "dossier": r"dossier|\bcase\b",
    "procedure": r"demarche|procedure|teleservice|formulaire|\bnature|\btype (?:de |d )(?:demande|dossier|aide)",
    "queue": rf"{_QUEUE}|motif",
    "contact_reason": r"motif|reason|qualif|wrap|objet|\btheme|thematique|\bsujet|\btopic|\bcode (?:de )?(?:fin|cloture)\b",
    "service": r"service|direction|pole|\bdepartment",
    "site": r"\bsite|lieu|antenne|\bborne|\boffice\b|\bagence",
    "agent": r"agent|operateur|conseiller|\buser$|\busername\b|\bposte\b|\b(?:recu|traite|pris) par\b",
    "wait_seconds": r"attente|wait",
    "ring_seconds": r"sonnerie|\bring",
    "handle_seconds": r"talk|conversation|communication|billsec",
    "duration": r"duree|duration",
    "starts_at": r"\brdv\b|rendez|creneau|slot|appointment|\bprevu|scheduled",
    "assigned": r"transmi|attribu|affect|distribu|ventil|assign",
    "acknowledged": r"\bar\b|accuse|acknowledg",
    "ends": r"\bend|\bfin\b|hangup|raccroch|clotur|\bclos\b|closed|traite|solved|\bresolu|\bhr?e?fin",
    "changed_at": r"modif|chang|update|\bmaj\b|mise a jour|depuis|\bsince\b|\b(?:etat|statut|state|status)\b",
    "answers": r"answer|repon|decroch|appel[ée] le|called|\bpris",
    "begins": (
        r"start|debut|arriv|depo[ts]|recu|receiv|\bcree|creat|creation|calldate|enregistr|\bdat(?!a\b)|\bheure|\btime\b|\bat\b|\bjour\b"
        r"|horodat"
    ),
    "result": r"result|statut|status|\betat\b|state|disposition|issue",
    "action": r"\bevent|evenement|\bevt\b|\baction",
    "decision": r"decision|\bavis\b",
    "score": r"\bnote\b|score|satisfaction",
}
"""Words in the names of columns, without accents, by role. The first role that fits by name and values counts."""
PREFERRED: Final = {
    "phone": _CALLER,
    "queue": _QUEUE,
    "procedure": r"demarche|procedure|teleservice|formulaire",
    "begins": r"arriv|\brecu|recept|receiv",  # rather than the date that a citizen wrote
}
"""Words that fit a role better than the others in `ROLES`."""
_NO_ROLE: Final = re.compile(r"naissance|\bne le\b|\bnee le\b|birth|\blangue\b|\blanguage\b|\bmontant|\bamount")
"""Words in the names of columns that have no role: a date of birth is no time of a contact."""
_PHONE: Final = re.compile(r"0[1-9]\d{8}|(?:\+|00)[1-9]\d{7,13}|33[1-9]\d{8}", re.ASCII)
"""French or international telephone number without its separators. `2026-07786` is none."""
_BETWEEN_DIGITS: Final = re.compile(r"[ .()/\u00a0\u202f-]")
_FLAG: Final = re.compile(r"0|1|true|false|yes|no|oui|non|integer", re.IGNORECASE)
"""Value of a column that says whether something is so; `INTEGER` is in a line of types below the header."""
_TOTAL: Final = re.compile(r"(?:sous )?total\b|somme\b")
_NUMBER_OF_CASE: Final = re.compile(r"\d{2}")
DURATION_ROLES: Final = ("wait_seconds", "ring_seconds", "handle_seconds", "duration")
TIME_ROLES: Final = ("begins", "assigned", "acknowledged", "answers", "ends", "changed_at", "starts_at")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sample."""

    name: str
    values: tuple[str, ...]
    """Values that are not empty, as texts."""
    time_format: str
    """Format of its times; empty if the values are not times."""
    is_sometimes_empty: bool
    is_often_empty: bool = False
    is_day: bool = False
    """True if the values are dates without a time of day."""
    day: str = ""
    """Name of the column with the date, for a column with a time of day. `time_format` is then that of both, joined."""

    @property
    def plain(self) -> str:
        """Name in lower case without accents; with that of `day`."""
        return plain_name(f"{self.day} {self.name}")

    @property
    def notes(self) -> list[str]:
        """Texts among times that do not begin with a digit, such as `en cours`."""
        return [value for value in self.values if self.time_format and not value[:1].isdigit()]

    @property
    def has_few_values(self) -> bool:
        """True if the values may be names of a table."""
        return 0 < len(self.distinct) <= FEW_VALUES

    @property
    def distinct(self) -> Counter[str]:
        """Number of records by value."""
        return Counter(self.values)

    @property
    def has_phones(self) -> bool:
        """True if nearly all values are French or international telephone numbers."""
        return self.is_mostly(_is_phone)

    @property
    def _is_varied(self) -> bool:
        """True if more than half of the values differ."""
        return len(self.distinct) > len(self.values) / 2

    def fits_by_name(self, role: str, words: str = "") -> bool:
        """Return whether the name fits a role. `words` replaces those of `ROLES`."""
        return re.search(words or ROLES[role], self.plain) is not None and not _NO_ROLE.search(self.plain)

    def fits(self, role: str, words: str = "") -> bool:  # noqa: C901 - a case for each kind of role
        """Return whether name and values fit a role. `words` replaces those of `ROLES`."""
        if not self.fits_by_name(role, words):
            return False
        match role:
            case _ if role in TIME_ROLES:
                return bool(self.time_format)
            case "phone":
                return self.has_phones or (re.search(_CALLER, self.plain) is not None and self._has_callers)
            case "email":
                return self.is_mostly(normalise_email)
            case _ if role in DURATION_ROLES:
                return self.is_mostly(_duration)
            case "score":
                return self.is_mostly(_is_number)
            case "id":
                return self.time_format in ID_FORMATS and not self.has_phones and self._is_varied
            case "dossier":
                is_number = self.is_mostly(_NUMBER_OF_CASE.search) and not self.has_phones
                return is_number and not self.time_format and self._is_varied
            case "line":
                return self.is_mostly(normalise_phone) and not self._is_varied
            case "procedure" | "queue" | "contact_reason" | "service" | "site" | "result" | "action" | "decision":
                return self.has_few_values and not self.time_format and not self.is_mostly(_FLAG.fullmatch)
        return not self.time_format

    @property
    def _has_callers(self) -> bool:
        """True if the values are telephone numbers, but for withheld ones and extensions."""
        numbers = [value for value in self.values if not _NO_NUMBER.fullmatch(value)]
        return len(numbers) > len(self.values) / 2 and replace(self, values=tuple(numbers)).is_mostly(normalise_phone)

    @property
    def unit(self) -> Unit:
        """Unit of durations, by their form, else by the name of the column."""
        if any(value.count(":") == 1 for value in self.values):
            return "m:s"
        plain = plain_name(self.name)
        return "min" if _MINUTES.search(plain) else "ms" if _MILLISECONDS.search(plain) else "s"

    def is_mostly(self, test: Callable[[str], object]) -> bool:
        """Return whether nearly all values pass a test."""
        return bool(self.values) and sum(bool(test(value)) for value in self.values) >= MIN_SHARE * len(self.values)


def describe_column(name: str, records: Sequence[Record]) -> Column:
    """Return the column `name` of sample records."""
    raw = [value for record in records if (value := record.get(name)) not in (None, "")]
    texts = tuple(read_text(value) for value in raw if not isinstance(value, dict | list))
    time_format = _find_time_format(raw) or _find_serial_format(name, raw) or _find_short_format(name, texts)
    has_clock = "%H" in time_format or time_format in _EPOCHS
    is_day = bool(time_format) and not has_clock and all(map(_is_day, raw))
    is_often_empty = len(texts) < MIN_SHARE * len(records)
    return Column(name, texts, time_format, len(texts) < len(records), is_often_empty, is_day)


def join_times_of_day(columns: Sequence[Column]) -> list[Column]:
    """Return the columns; those with a time of day are joined with the date in the nearest column before, or else after them.

    The dates that were joined are left out.
    """
    day = next((column for column in columns if column.is_day), None)
    joined, days = [], set()
    for column in columns:
        day = column if column.is_day else day
        if day and day is not column and (time_format := _join_formats(day, column)):
            days.add(day.name)
            joined.append(replace(column, day=day.name, time_format=time_format))
        else:
            joined.append(column)
    return [column for column in joined if column.name not in days]


def _join_formats(day: Column, column: Column) -> str:
    """Return the format of a date joined with a time of day; empty if `column` has no time of day."""
    name = plain_name(column.name)
    is_named = _CLOCK_NAME.search(name) or _COMPACT_CLOCK_NAME.search(name)
    is_other = _NO_CLOCK_NAME.search(name) or any(map(column.fits_by_name, (*DURATION_ROLES, "queue")))
    if column.time_format or is_other or not (is_named or any(map(column.fits_by_name, TIME_ROLES))):
        return ""
    if day.time_format == "excel":
        is_part = column.is_mostly(_is_part_of_day) or column.is_mostly(_CLOCKS["%H:%M"].match)
        return "excel" if is_part else ""
    form = next((form for form, pattern in _CLOCKS.items() if column.is_mostly(pattern.fullmatch)), "")
    if not form and _COMPACT_CLOCK_NAME.search(name):
        form = find_clock_format(column.values)
    if not form:
        return ""
    if day.time_format != "iso":
        return f"{day.time_format} {form}"
    is_iso = ":" in form and all(value[1] != ":" for value in column.values)  # ISO 8601 has two digits of hours
    return "iso" if is_iso else f"%Y-%m-%d {form}"


def _is_day(value: Any) -> bool:
    """Return whether a value that is a time has no time of day."""
    if isinstance(value, date):
        return not isinstance(value, datetime)
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return ":" not in value
    return read_number(value).is_integer()


def _is_part_of_day(value: str) -> bool:
    return _is_between(value, 0, 1)


def _is_between(value: Any, low: float, high: float) -> bool:
    try:
        return low <= read_number(value) < high
    except ValueError:
        return False


def _find_serial_format(name: str, values: Sequence[Any]) -> str:
    """Return `excel` if the values are day numbers of Excel, by the name of the column too: postal codes are such numbers."""
    if not values or not all(_is_between(value, *_SERIALS) for value in values):
        return ""
    has_fraction = not all(map(_is_day, values))
    plain = plain_name(name)
    is_time = _DAY_NAME.search(plain) or (has_fraction and any(re.search(ROLES[role], plain) for role in TIME_ROLES))
    return "excel" if is_time else ""


def _find_short_format(name: str, texts: Sequence[str]) -> str:
    """Return the format of dates with six digits, by the name of the column too: many numbers have six digits."""
    return find_short_day_format(texts, datetime.now(UTC)) if _DAY_NAME.search(plain_name(name)) else ""


def seems_total(record: Record) -> bool:
    """Return whether a record may be a row of totals: one of its texts begins with a word such as `Total`."""
    return any(isinstance(value, str) and _TOTAL.match(plain_name(value).strip()) for value in record.values())


def find_column(words: re.Pattern[str], columns: Iterable[Column]) -> Column | None:
    """Return the first column whose name has one of `words`; None if there is none."""
    return next((column for column in columns if words.search(column.plain)), None)


def _find_time_format(values: Sequence[Any]) -> str:
    if not values:
        return ""
    for name, (low, high) in _EPOCHS.items():
        if all(_is_between(value, low, high) for value in values):
            return name
    zone = ZoneInfo("Europe/Paris")
    for time_format in TIME_FORMATS:
        read = time_reader(time_format, zone)
        if sum(_can(read, value) for value in values) >= MIN_TIME_SHARE * len(values):
            # ISO 8601 has such days too, but a time of day in another column has another form.
            is_compact = time_format == "iso" and all(map(_COMPACT_DAY.fullmatch, map(str, values)))
            return "%Y%m%d" if is_compact else time_format
    return ""


def _can(read: ToTime, value: Any) -> bool:
    if isinstance(value, str) and len(value) < 8:
        return False
    try:
        return read(value).year in _YEARS
    except ValueError:
        return False


def read_text(value: Any) -> str:
    """Return a value as a mapping reads it: a whole number of a spreadsheet has no decimals."""
    try:
        return as_text(value).strip()
    except ValueError:
        return str(value).strip()


def _is_phone(value: str) -> bool:
    return _PHONE.fullmatch(_BETWEEN_DIGITS.sub("", value)) is not None


def _duration(value: str) -> bool:
    try:
        return read_seconds(value, "m:s" if ":" in value else "s") >= 0
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return _NUMBER.fullmatch(str(value)) is not None


def plain_name(name: str) -> str:
    """Return a name in lower case without accents, with spaces between its words."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\W]+", " ", name)
    decomposed = unicodedata.normalize("NFKD", spaced.lower())
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def propose_label(value: str) -> str:
    """Return a name for a value of a source; empty if the value has no letter or digit."""
    return re.sub(r"[^a-z0-9.]+", "-", plain_name(value)).strip("-")[:64]
