"""Options of a mapping: the keys of a mapping file or of `[connectors.NAME]`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic.fields import FieldInfo

from connectors.sdk.config import Options, Sector, check_zone
from connectors.sdk.config_errors import suggest
from connectors.sdk.mapping.event_fields import DEFAULTS, EVENT_MODELS, data_fields, enum_of, is_label
from connectors.sdk.mapping.fields import FieldName
from connectors.sdk.mapping.problems import MappingError, Problem
from connectors.sdk.mapping.value_options import Condition, Scalar, Texts, TimeFormat, Value, ValueOptions
from connectors.sdk.pseudonyms import Region
from models.envelope import Label
from models.locale import N_, _
from models.topics import Channel

NAMED_EVENTS: Final = 4
"""Most events of other channels that a message names."""


def _check_event(name: str) -> str:
    if name not in EVENT_MODELS:
        raise ValueError(_("is not an event of Accueil") + suggest(name, EVENT_MODELS))
    return name


def _check_not_empty(events: tuple["EventOptions", ...]) -> tuple["EventOptions", ...]:
    if not events:
        example = '{ event = "call.queued", time = "start" }'
        raise ValueError(_("is empty: it needs an event, such as {example}", example=example))
    return events


EventType = Annotated[str, AfterValidator(_check_event)]
MaybeZone = Annotated[str, AfterValidator(lambda name: name and check_zone(name))]
"""Option type: a time zone, or empty."""


class FieldOptions(Options):
    """Values of events. At the top of a mapping they hold for all events that have the field."""

    id: Value | None = None
    """The source's id of the contact. All records about one contact have the same id. Without it, records that are equal in the
    fields that the mapping names are one contact."""
    site: Value | None = None
    """Site; its names are in `values.site`."""
    service: Value | None = None
    """Service; its names are in `values.service`."""
    phone: Value | None = None
    """The citizen's phone number. Only its pseudonym leaves the connector, as for the following four."""
    email: Value | None = None
    """The citizen's e-mail address."""
    case: Value | None = None
    """Number of the citizen's case."""
    dossier: Value | None = None
    """Number of the citizen's online dossier."""
    rdv_user: Value | None = None
    """The citizen's id in the appointment system."""
    queue: Value | None = None
    """Queue, or purpose of an appointment; its names are in `values.queue`."""
    visit: Value | None = None
    """Number of the queue stay within the call, up to 1000. Default: 1. Two stays with the same number count as one. If the
    source does not number them, the start of the stay in seconds since 1970."""
    to_queue: Value | None = None
    """Queue to which a call is transferred; its names are in `values.to_queue`."""
    line: Value | None = None
    """Line that was dialled; its names are in `values.line`."""
    option: Value | None = None
    """Choice in a voice menu; its names are in `values.option`."""
    procedure: Value | None = None
    """Procedure of a form; its names are in `values.procedure`."""
    agent: Value | None = None
    """Agent's name or number in the source. Only its pseudonym leaves the connector."""
    position: Value | None = None
    """Position in the queue."""
    original_position: Value | None = None
    """Position at which the caller entered the queue."""
    wait_seconds: Value | None = None
    """Time in the queue."""
    ring_seconds: Value | None = None
    """Time of ringing at the agent who answered."""
    handle_seconds: Value | None = None
    """Length of the conversation."""
    duration_seconds: Value | None = None
    """Length of a voice message."""
    reason: Value | None = None
    """Reason why a call left the queue. Default: `other`."""
    kind: Value | None = None
    """Kind of a transfer. Default: `unknown`."""
    ended_by: Value | None = None
    """Who ended the call. Default: `unknown`."""
    pages: Value | None = None
    """Number of pages of a letter."""
    admitted_at: Value | None = None
    """Time at which the administration received a letter, if it was scanned later."""
    chrono: Value | None = None
    """Number of a letter in the register. It leaves the connector unchanged if it consists of capitals, digits and `. / _ -`,
    with fewer than nine digits in a row; otherwise as a keyed digest."""
    outcome: Value | None = None
    """Outcome of a closed letter."""
    postage: Value | None = None
    """Postage class of a letter sent."""
    cost_cents: Value | None = None
    """Postage of a letter sent or of counted post, in cents; with `unit = "euros"` or a euro sign in euros. Without it, the cost
    is unknown: the item counts, and adds nothing to the sums of postage."""
    post_class: Value | None = None
    """Class of counted post, such as `lettre_verte` or `courrier_ordinaire`."""
    direction: Value | None = None
    """Direction of counted post: `incoming` or `outgoing` (default)."""
    items: Value | None = None
    """Number of items of counted post."""
    decision: Value | None = None
    """Decision on a form; `resolved` if the source does not say how the service decided."""
    starts_at: Value | None = None
    """Time of an appointment."""
    by: Value | None = None
    """Who booked, moved or cancelled an appointment: `citizen` or `service`. Without it, bookings and moves are the
    citizen's. A cancellation needs it: if the source does not record it, give a constant, such as `{ value = "citizen" }`."""
    scale: Value | None = None
    """Scale of a score of satisfaction, as `{ value = "csat_1_5" }`."""
    score: Value | None = None
    """Score on that scale."""
    contact_reason: Value | None = None
    """Reason for contact: a name of `contact_reasons` in the settings. `values.contact_reason` may give the name for each value
    of the source."""


class EventOptions(FieldOptions):
    """An event that a record may give."""

    kind_name: ClassVar[str] = N_("event")

    event: EventType
    """Event type, such as `call.answered`."""
    time: Value | None = None
    """Time of the event. Default: with `state`, the mapping's `changed_at`."""
    when: Condition = Field(default_factory=dict)
    """Condition on the record: a table of tests by field, or an expression. Without one, each record gives the event."""
    state: Texts = ()
    """States that give the event when they begin, for mappings with `state`. `appointment.moved` also happens with each new
    `starts_at` in such a state. In a state that also gives `appointment.booked`, it happens with a new `starts_at` only."""
    channel: Channel | None = None
    """Channel of the contact of `contact.reason_set`. Default: that of the other events."""


class MappingOptions(FieldOptions):
    """Mapping of a source's records to events."""

    events: Annotated[
        tuple[EventOptions, ...], AfterValidator(_check_not_empty), Field(json_schema_extra={"minItems": 1})
    ]
    """Events that a record may give. One record may give several."""
    rows: Literal["contacts", "events"] = "contacts"
    """`contacts`: a record contains all that is known of its contact, and a record with the same id replaces it. `events`: each
    record is about one event, and several records have the same id."""
    each: Annotated[str, StringConstraints(max_length=1000)] = ""
    """Field with a list, such as the history of a form, or its path in objects (`attributes.history`): each of its elements is
    then a record of its own, in which the field contains the element instead of the list."""
    values: dict[str, dict[str, Label]] = Field(default_factory=dict)
    """Tables of names: `values.queue` has the queue's name in Accueil by its name in the source. `"*"` stands for all others;
    without it, records with others are rejected."""
    ignored: dict[FieldName, Texts] = Field(default_factory=dict)
    """Values, by field, of records that concern no contact: `ignored.result = ["TEST", "FAX"]`. Such a record gives no event at
    all. `"*"` removes no record: it accepts all values that no `when` names. Without it, records with such values are
    rejected."""
    state: Value | None = None
    """Field with the present state of the contact, for sources that show states instead of events. `values.state` may
    give each state of the source a name that the events use; an empty name means that no event happens."""
    changed_at: Value | None = None
    """Time since which the contact has had this state. A state that begins again needs another time."""
    other_states: Texts = ()
    """States that begin no event. In a state that `ignored` names, such as a draft, the record gives no events at all."""
    timezone: MaybeZone = ""
    """Time zone of times without an offset, such as `Europe/Paris`."""
    time_format: TimeFormat = "iso"
    """Format of times: `iso`, `epoch`, `epoch_ms`, `excel` (day numbers), or as `%d/%m/%Y %H:%M:%S`. Month names (`%B`, `%b`)
    may be French. Leading zeros may be missing: `22359` is a time of `%H%M%S`."""
    daily_ids: bool = False
    """Set it if ids restart each day, like ticket numbers. The day of the record's first event in `timezone` is then part of the
    id."""
    yearly_ids: bool = False
    """Set it if ids restart each year, like the numbers of a letter register: otherwise, letter 1 of a year replaces letter 1 of
    the year before. The year of the record's first event in `timezone` is then part of the id: a date that is corrected to
    another year gives a further contact."""
    region: Region = "FR"
    """Country of phone numbers in national format."""
    sector: Sector = "general"
    """Sector whose key makes the pseudonyms. A citizen has different pseudonyms in different sectors."""

    @model_validator(mode="after")
    def _check_mapping(self) -> Self:
        problems = list(_find_problems(self))
        if problems:
            raise MappingError(problems)
        return self


FIELD_NAMES: Final = frozenset(FieldOptions.model_fields)
IDENTITY_NAMES: Final = ("case", "dossier", "rdv_user", "email", "phone")
"""Options with identities of the citizen, the strongest first."""
COMMON_NAMES: Final = frozenset({"id", "site", "service", *IDENTITY_NAMES})
"""Options that every event type has."""


def field_option(mapping: MappingOptions, event: EventOptions, name: str) -> Value | None:
    """Return the option `name` of an event: its own, else the mapping's; None if neither is set."""
    own: Value | None = getattr(event, name)
    return own if own is not None else getattr(mapping, name)


def value_table(mapping: MappingOptions, name: str, value: Value) -> Mapping[str, Scalar]:
    """Return the table of values of the option `name`: its own, else `values.<name>` of the mapping; may be empty."""
    return value.values or mapping.values.get(name, {})


def find_fields(mapping: MappingOptions) -> list[FieldName]:
    """Return the fields and expressions that a mapping reads, sorted."""
    found = set(mapping.ignored)
    for options in (mapping, *mapping.events):
        for name in (*FIELD_NAMES, "time", "state", "changed_at"):
            if isinstance(value := getattr(options, name, None), ValueOptions):
                found.update(value.field, value.plus)
    for event in mapping.events:
        found.update(event.when)
    return sorted(found)


def _find_problems(mapping: MappingOptions) -> Iterator[Problem]:
    """Yield what makes a mapping unusable, beyond the types of its options."""
    used: set[str] = set()
    for index, event in enumerate(mapping.events):
        used.update(data_fields(event.event), COMMON_NAMES)
        yield from _check_event_options(mapping, event, ("events", index))
    for name in mapping.values:
        if name not in FIELD_NAMES and (name != "state" or mapping.state is None):
            yield Problem(("values", name), _("is unknown") + suggest(name, FIELD_NAMES, "values."))
    if mapping.state is not None:
        yield from _check_states(mapping, mapping.state)
    for name in sorted(FIELD_NAMES - used):
        if getattr(mapping, name) is not None:
            yield Problem((name,), _("is in no event of this mapping") + _name_events(mapping, name))
    without_id = mapping.id is None and any(event.id is None for event in mapping.events)
    if without_id and (mapping.rows == "events" or mapping.state is not None):
        yield Problem(("id",), _('is missing; `state` and `rows = "events"` need it'))
    if mapping.daily_ids and mapping.yearly_ids:
        yield Problem(("yearly_ids",), _("cannot be set together with daily_ids"))


def _name_events(mapping: MappingOptions, name: str) -> str:
    """Return a hint with the events that have the option `name`: those of the mapping's channels, or else the first ones."""
    events = [event for event in EVENT_MODELS if name in data_fields(event)]
    kinds = {event.event.partition(".")[0] for event in mapping.events}
    own = [event for event in events if event.partition(".")[0] in kinds]
    return _("; it belongs to {events}", events=", ".join(own or events[:NAMED_EVENTS]))


def _check_states(mapping: MappingOptions, state: ValueOptions) -> Iterator[Problem]:
    """Yield the entries of the table of states that no event has."""
    known = {name for event in mapping.events for name in event.state}
    keys = ("state", "values") if state.values else ("values", "state")
    for source, name in value_table(mapping, "state", state).items():
        if name != "" and str(name) not in known:
            problem = _("{wrong!r} is not a state of an event", wrong=str(name))
            yield Problem((*keys, source), problem + suggest(str(name), known))


def _check_event_options(
    mapping: MappingOptions, event: EventOptions, keys: tuple[str | int, ...]
) -> Iterator[Problem]:
    fields = data_fields(event.event)
    for name in sorted(FIELD_NAMES - COMMON_NAMES - fields.keys()):
        if getattr(event, name) is not None:
            yield Problem((*keys, name), _("is not in {event}", event=event.event) + suggest(name, fields))
    for name in (*fields, *sorted(COMMON_NAMES)):
        value = field_option(mapping, event, name)
        if value is not None:
            own = getattr(event, name) is not None
            may_lack_names = any(test.in_values == name for test in event.when.values()) and name in mapping.values
            path = (*keys, name) if own else (name,)
            yield from _check_value(mapping, name, fields.get(name), value, path, may_lack_names=may_lack_names)
        elif name in fields and fields[name].is_required() and (event.event, name) not in DEFAULTS:
            yield Problem(
                (*keys, name), _("is missing; {event} needs it", event=event.event) + _advise(name, fields[name])
            )
    yield from _check_condition(mapping, event, (*keys, "when"))
    if event.state and mapping.state is None:
        yield Problem((*keys, "state"), _("needs the option `state` of the mapping"))
    if event.time is None and not (event.state and mapping.changed_at is not None):
        yield Problem((*keys, "time"), _("is missing"))


def _advise(name: str, field: FieldInfo) -> str:
    """Return how to give a required field with a closed list of values; empty for other fields."""
    if not (members := enum_of(field)):
        return ""
    constant = f'{name} = {{ value = "{next(iter(members))}" }}'
    return _(": a field, or if the source has none, a constant such as {constant}", constant=constant)


def _check_condition(mapping: MappingOptions, event: EventOptions, keys: tuple[str | int, ...]) -> Iterator[Problem]:
    for name, test in event.when.items():
        # A table that a label of the event needs is reported once, by `_check_value`.
        if test.in_values and test.in_values not in mapping.values and not _needs_table(mapping, event, test.in_values):
            missing = _("needs the table values.{name}, with a name for each value of the source", name=test.in_values)
            yield Problem((*keys, name), missing, test.in_values)
        if event.state and mapping.state is not None and name in mapping.state.field:
            yield Problem((*keys, name), _("is the field of `state`: name its values in `state` only"))


def _needs_table(mapping: MappingOptions, event: EventOptions, name: str) -> bool:
    """Return whether a label of an event is looked up in `values.<name>`."""
    value = field_option(mapping, event, name) if name in FIELD_NAMES else None
    return value is not None and value.value is None and not value.values


def _check_value(
    mapping: MappingOptions,
    name: str,
    field: FieldInfo | None,
    value: ValueOptions,
    keys: tuple[str | int, ...],
    *,
    may_lack_names: bool,
) -> Iterator[Problem]:
    table = value_table(mapping, name, value)
    chosen = table.values() if value.value is None else (value.value,)
    if name in {"site", "service"} or (field is not None and is_label(field)):
        if value.value is None and not table and not may_lack_names and name != "contact_reason":
            missing = _("needs the table values.{name}, with a name for each value of the source", name=name)
            yield Problem(keys, missing, name)
        elif (wrong := _find_non_label(chosen)) is not None:
            yield Problem(keys, _("{wrong!r} may have letters without accents, digits, . _ -", wrong=wrong))
    elif field is not None and (members := enum_of(field)):
        known = [member.value for member in members]
        for wrong in map(str, chosen):
            if wrong not in known:
                listed = ", ".join(known)
                yield Problem(keys, _("{wrong!r} is not one of {listed}", wrong=wrong, listed=listed))


def _find_non_label(names: Iterable[Scalar]) -> str | None:
    return next((str(name) for name in names if not _is_label(str(name))), None)


def _is_label(name: str) -> bool:
    return 0 < len(name) <= 64 and name.isascii() and all(sign.isalnum() or sign in "._-" for sign in name)
