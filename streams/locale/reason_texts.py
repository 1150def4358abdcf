"""User-facing texts for the reasons and details with which workers and connectors reject records.

Counts, filters and JSON use the codes instead: those of `models.reasons` and of pydantic.
"""

from typing import Final

from models.locale import N_, _
from models.reasons import Reason
from streams.locale.error_messages import translate_by_pattern

REASONS: Final = {
    Reason.NULL_VALUE: N_("it has no value"),
    Reason.MISSING_KEY: N_("it has no key"),
    Reason.KEY_MISMATCH: N_("its key does not match its event, or it is in the wrong partition"),
    Reason.OVERSIZED: N_("it is too long"),
    Reason.INVALID_UTF8: N_("it is not valid UTF-8"),
    Reason.INVALID_JSON: N_("it is not valid JSON"),
    Reason.MISSING_FIELD: N_("a field is missing"),
    Reason.INVALID_FIELD: N_("a field is invalid"),
    Reason.UNKNOWN_TYPE: N_("its event type is unknown"),
    Reason.UNKNOWN_VERSION: N_("its event version is unknown: a newer release wrote it"),
    Reason.UNKNOWN_ENUM: N_("a field has an unknown value"),
    Reason.TOO_MANY_DIMENSIONS: N_(
        "too many sites, services, queues, sectors or sources: values that identify single contacts do not belong there"
    ),
    Reason.TIME_IN_FUTURE: N_("its time is in the future: a planned date, or a wrong clock"),
    Reason.TIME_IN_PAST: N_("it is too old"),
    Reason.DUPLICATE: N_("it is older than the known contacts of its source: probably a duplicate"),
    Reason.UNREADABLE_LINE: N_("the line does not have the expected format"),
    Reason.UNKNOWN_RECORD: N_("neither the format nor the settings know this kind of record"),
    Reason.INTERNAL_ERROR: N_("a bug in Accueil: replay it after the fix"),
}
DETAILS: Final = {
    r"not written by a worker": N_("not written by a worker"),
    r"at byte (?P<place>\d+)": N_("from byte {place} on"),
    r"(?P<size>\d+) bytes, at most (?P<limit>\d+)": N_("{size} bytes, at most {limit}"),
    r"more than (?P<span>.+) ahead of the clock": N_("more than {span} ahead of the clock"),
    r"more than (?P<days>\d+) days old": N_("more than {days} days old"),
    r"in another partition than the key's by murmur2": N_(
        "not in the partition of its key by Kafka's default partitioner (murmur2)"
    ),
    r"the key is not the event's subject": N_("the key is not the event's subject"),
    r"an agent's subject for a contact's event, or the reverse": N_(
        "an agent's subject in a contact's event, or the reverse"
    ),
    r"SameId": N_(
        "another contact of the same citizen has an entry with this id and time; ids must be unique across sources"
    ),
    r"older than the latest deleted row of its source": N_("older than the latest deleted row of its source"),
    r"subject: begins with a control character or a space": N_("subject: begins with a control character or a space"),
    # details of connectors
    r"its type is not in `types`": N_("its type is not in `types`"),
    r"(?P<field>[^:]+): not a single value": N_("{field}: not a single value"),
    r"(?P<field>[^:]+): not a time with a zone, or ten years away": N_(
        "{field}: not a time with a zone, or ten years away"
    ),
    r"(?P<field>[^:]+): not a valid reference": N_("{field}: not a valid reference"),
    r"(?P<field>[^:]+): not a score on (?P<scale>\S+)": N_("{field}: not a score on {scale}"),
    r"not a time with a time zone": N_("not a time with a time zone"),
    r"files that are neither a scan, nor a sidecar, nor one of each": N_(
        "files that are neither a scan, nor a sidecar, nor one of each"
    ),
    r"no regular file": N_("no regular file"),
    r"empty": N_("empty"),
    r"encrypted": N_("encrypted"),
    r"more than (?P<limit>\d+) bytes": N_("more than {limit} bytes"),
    r"more than (?P<limit>\d+) pages": N_("more than {limit} pages"),
    r"no PDF or TIFF with pages": N_("no PDF or TIFF with pages"),
    r"images in a format that cannot be searched for separator sheets": N_(
        "images in a format that cannot be searched for separator sheets"
    ),
    r"reading its pages takes too much time or memory": N_("reading its pages takes too much time or memory"),
    r"the process that reads its pages crashed (?P<times>\d+) times": N_(
        "the process that reads its pages crashed {times} times"
    ),
    r"nothing but separator sheets": N_("nothing but separator sheets"),
    r"separators: an unknown sheet, page (?P<pages>[\d, ]+)": N_("separators: an unknown sheet, page {pages}"),
    r"step: not allowed in the sidecar of a scan": N_("step: not allowed in the sidecar of a scan"),
    r"chrono: no letter has this number": N_("chrono: no letter has this number"),
    r"sidecar: a forbidden declaration": N_("sidecar: a forbidden declaration"),
    r"sidecar: (?P<format>[A-Z]+)": N_("sidecar: not valid {format}"),
    r"sidecar: (?P<rows>\d+) rows for one scan": N_("sidecar: {rows} rows for one scan"),
    r"sidecar: 0 rows, 1 to (?P<limit>\d+) are allowed": N_("sidecar: no row"),
    r"sidecar: more than (?P<limit>\d+) rows, 1 to \d+ are allowed": N_("sidecar: more than {limit} rows"),
    r"sidecar: (?P<columns>\d+) columns, at most (?P<limit>\d+) are allowed": N_(
        "sidecar: {columns} columns, at most {limit} are allowed"
    ),
    # details of mappings
    r"(?P<field>.+): not in values\.(?P<name>\w+)": N_("{field}: not in values.{name}"),
    r"(?P<field>.+): not in contact_reasons for the channel (?P<channel>\w+)": N_(
        "{field}: not in contact_reasons for the channel {channel}"
    ),
    r"(?P<field>.+): neither in a `when` nor in `ignored`": N_("{field}: neither in a `when` nor in `ignored`"),
    r"(?P<field>.+): no event has this state": N_("{field}: no event has this state"),
    r"(?P<field>.+): not a time of the format (?P<format>.+)": N_("{field}: not a time of the format {format}"),
    r"(?P<field>.+): not a time": N_("{field}: not a time"),
    r"(?P<field>.+): has no offset from UTC, and `timezone` is not set": N_(
        "{field}: has no offset from UTC, and `timezone` is not set"
    ),
    r"(?P<field>.+): not between 0 and (?P<limit>\d+) seconds": N_("{field}: not between 0 and {limit} seconds"),
    r"(?P<field>.+): not a duration": N_("{field}: not a duration"),
    r"(?P<field>.+): not a number": N_("{field}: not a number such as 1580.80, 1580,80 or 1 580,80"),
    r"(?P<field>.+): not a whole number": N_("{field}: not a whole number"),
    r"(?P<field>.+): too large a number": N_("{field}: too large a number"),
    r"(?P<field>.+): not a valid text": N_("{field}: not a valid text"),
    r"(?P<field>.+): binary data": N_("{field}: binary data, which `query` must convert to text"),
    r"(?P<field>.+): not a list": N_("{field}: not a list"),
    r"(?P<field>.+): not one of (?P<values>[\w, ]+)": N_("{field}: not one of {values}"),
    r"(?P<field>.+): does not match the pattern": N_("{field}: does not match the pattern"),
    r"(?P<field>.+): cannot be evaluated": N_("{field}: cannot be evaluated"),
    r"(?P<field>.+): more than ten years from the event": N_("{field}: more than ten years from the event"),
    r"(?P<field>.+): outside the limits of (?P<event>[\w.]+) \((?P<name>\w+) <= (?P<limit>\d+) characters\)": N_(
        "{field}: outside the limits of {event} ({name}: at most {limit} characters)"
    ),
    r"(?P<field>.+): outside the limits of (?P<event>[\w.]+) \((?P<limit>\w+ [<>=~]+ \S+)\)": N_(
        "{field}: outside the limits of {event} ({limit})"
    ),
    r"(?P<field>.+): neither a number up to 1000 nor the start of the queue stay": N_(
        "{field}: neither a number up to 1000 nor the start of the queue stay"
    ),
    r"(?P<field>.+): outside the limits of (?P<event>[\w.]+)": N_("{field}: outside the limits of {event}"),
    # details of tables
    r"(?P<count>\d+) columns instead of (?P<expected>\d+)": N_("{count} columns instead of {expected}"),
    r"a quotation mark is not closed": N_("a quotation mark is not closed"),
    r"a quoted value contains lines that look like rows": N_("a quoted value contains lines that look like rows"),
    r"a line longer than (?P<limit>\d+) bytes": N_("a line longer than {limit} bytes"),
    r"a quotation mark within a quoted value is not doubled": N_(
        "a quotation mark within a quoted value is not doubled"
    ),
    r"a value longer than (?P<limit>\d+) characters": N_("a value longer than {limit} characters"),
    r"not a row of a table": N_("not a row of a table"),
    r"not a JSON object": N_("not a JSON object"),
    r"cannot be divided into its records": N_("cannot be divided into its records"),
    # details of msgspec
    r"JSON is malformed: .*|Input data was truncated": N_("it is truncated, or not JSON"),
    r"Object missing required field `(?P<field>[^`]+)`.*": N_("{field} is missing"),
    r"Expected `[^`]+`, got `[^`]+` - at `(?P<field>[^`]+)`": N_("{field} is invalid"),
    r"json_invalid": N_("it is truncated, or not JSON"),
    r"union_tag_invalid": N_("unknown event type"),
    r"union_tag_not_found": N_("type is missing"),
    r"(?P<field>\S+): missing": N_("{field} is missing"),
    r"(?P<field>\S+): extra_forbidden": N_("{field} is unknown"),
    r"(?P<field>\S+): (literal_error|enum)": N_("{field} has an unknown value"),
    r"(?P<field>\S+): (int_.+)": N_("{field} must be a whole number"),
    r"(?P<field>\S+): (float_.+|finite_number)": N_("{field} must be a number"),
    r"(?P<field>\S+): bool_.+": N_("{field} must be true or false"),
    r"(?P<field>\S+): (datetime|timezone)_.+": N_("{field} must be a time with its time zone"),
    r"(?P<field>\S+): uuid_.+": N_("{field} must be a UUID"),
    r"(?P<field>\S+): string_(type|unicode|sub_type)": N_("{field} must be text"),
    r"(?P<field>\S+): (string_too_short|greater_than.*)": N_("{field} is too small"),
    r"(?P<field>\S+): (string_too_long|less_than.*)": N_("{field} is too large"),
    r"(?P<field>\S+): (model|dict|model_attributes|dataclass)_type": N_("{field} must be an object"),
    r"(?P<field>\S+): [a-z_]+": N_("{field} is invalid"),
}
"""Pattern of a detail of a dead letter or rejected record → text. The first match counts."""
PLACES: Final = {
    r"line (?P<number>\d+)": N_("line {number}"),
    r"row (?P<number>\d+)": N_("row {number}"),
    r"record (?P<number>\d+)": N_("record {number}"),
    r"page (?P<number>\d+)": N_("page {number}"),
}
"""Pattern of the place of a record in its source → text."""


def describe(reason: str) -> str:
    """Return the text of a reason in the user's language; empty for an unknown code."""
    return _(REASONS[Reason(reason)]) if reason in {known.value for known in Reason} else ""


def explain(detail: str) -> str:
    """Return the text of a detail in the user's language; unknown details stay unchanged.

    The details of several rows of a sidecar, such as `row 3: empty; rows 4, 5: encrypted`, are translated one by one.
    """
    return _("; ").join(map(_explain_row, detail.split("; ")))


def describe_place(context: str) -> str:
    """Return the place of a record in its source in the user's language; empty if `context` is something else.

    A place is for example `line 682`, or `calls.csv, line 682`.
    """
    parts = [(part, translate_by_pattern(PLACES, part)) for part in context.split(", ")]
    return ", ".join(text or part for part, text in parts) if any(text for _part, text in parts) else ""


def _explain_row(detail: str) -> str:
    rows, _colon, rest = detail.partition(": ")
    if rows.startswith("row "):
        return _("row {number}: {detail}", number=rows[4:], detail=explain(rest))
    if rows.startswith("rows "):
        return _("rows {numbers}: {detail}", numbers=rows[5:], detail=explain(rest))
    return translate_by_pattern(DETAILS, detail) or detail
