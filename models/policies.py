"""SLA policies: what is promised to whom, and by when that has to be done.

A policy is a table of the SLA file; several tables with one name are its versions. For a contact the first policy counts, in the
order of the file, of which the version of its arrival is for it. A version that is for open contacts too takes over those that
arrived before it, from its date on.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from models.calendars import Calendar, CalendarRules, Unit, compile_calendar
from models.calendars.compiled import TIME_UNITS
from models.calendars.local_time import instant_of
from models.calendars.rules import KnownDate
from models.envelope import Label
from models.topics import Channel


class ClockKind(StrEnum):
    """What a promise is about."""

    ANSWER = "answer"
    """Calls and visits: that somebody answers, per stay in a queue."""
    ACKNOWLEDGE = "acknowledge"
    """Letters, e-mail, forms: that the citizen is told, by anybody or anything, that it has come."""
    FIRST_RESPONSE = "first_response"
    """That a person first tells the citizen something, be it a question."""
    ANNOUNCED = "announced"
    """That what was asked for is done in the time that the service announces to everybody: a question does not count."""
    RESOLUTION = "resolution"
    """That the matter is closed."""


QUEUE_CHANNELS: Final = frozenset({Channel.CALL, Channel.VISIT})
WRITTEN_CHANNELS: Final = frozenset({Channel.MAIL, Channel.EMAIL, Channel.FORM})
LONGEST_YEARS: Final = 10
_PER_YEAR: Final = {Unit.MONTHS: 12, **dict.fromkeys(TIME_UNITS, 366 * 86_400)}
"""How many of a unit are a year; of days, 366."""


class ClockRule(BaseModel):
    """One promise: `[policy.clocks.<clock>]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    target: Annotated[int, Field(gt=0, strict=True)]
    """How many of `unit`; seconds of `opening_hours` and `elapsed`."""
    unit: Unit
    at_risk: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.8
    """After this share of the target it is at risk."""
    objective: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.9
    """The share of promises that is to be kept."""
    pause: tuple[Literal["pending_citizen"], ...] = ("pending_citizen",)
    """In which states the clock does not run."""
    roll: StrictBool = False
    """Units of days: a last day on which nobody works is followed by the next one on which somebody does."""
    calendar: Label = ""
    """In place of the policy's."""


def _as_tuple(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


class Match(BaseModel):
    """Whom a policy is for: what is empty does not matter."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    channel: Annotated[tuple[Channel, ...], BeforeValidator(_as_tuple)] = ()
    service: Annotated[tuple[Label, ...], BeforeValidator(_as_tuple)] = ()
    site: Annotated[tuple[Label, ...], BeforeValidator(_as_tuple)] = ()
    reason: Annotated[tuple[Label, ...], BeforeValidator(_as_tuple)] = ()
    """Queue of a call or visit, procedure of a form."""

    def fits(self, channel: str, site: str, service: str, reason: str) -> bool:
        """Whether a contact there is meant."""
        return (
            (not self.channel or channel in self.channel)
            and (not self.site or site in self.site)
            and (not self.service or service in self.service)
            and (not self.reason or reason in self.reason)
        )

    def covers(self, other: "Match") -> bool:
        """Whether all whom `other` means are meant."""
        mine, theirs = ([set(getattr(match, name)) for name in Match.model_fields] for match in (self, other))
        return all(not one or (two and two <= one) for one, two in zip(mine, theirs, strict=True))


class PolicyVersion(BaseModel):
    """One `[[policy]]` table."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[Label, Field(min_length=1)]
    since: Annotated[KnownDate | None, Field(alias="from")] = None
    """Contacts that arrive on this day or later; if not given, all before the next version."""
    open_contacts: StrictBool = False
    """From that day on it is also for contacts that are open then."""
    match: Match = Match()
    calendar: Annotated[Label, Field(min_length=1)]
    clocks: Annotated[dict[ClockKind, ClockRule], Field(min_length=1)]


class SlaFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    calendars: dict[Label, CalendarRules] = {}
    policy: tuple[PolicyVersion, ...] = ()

    def mistakes(self) -> Iterator[tuple[tuple[int | str, ...], str, str]]:
        """Yield what tables say that does not fit together: where, and why in English and French."""
        yield from self._shadowed()
        seen: set[tuple[str, date | None]] = set()
        for index, version in enumerate(self.policy):
            where = ("policy", index)
            calendars = {(*where, "calendar"): version.calendar} | {
                (*where, "clocks", kind.value, "calendar"): rule.calendar for kind, rule in version.clocks.items()
            }
            for place, name in calendars.items():
                if name and name not in self.calendars:
                    yield place, f"there is no calendar {name!r}", f"il n'y a pas de calendrier {name!r}"
            if (version.name, version.since) in seen:
                yield (
                    (*where, "from"),
                    f"{version.name!r} has two versions from the same day",
                    f"{version.name!r} a deux versions du même jour",
                )
            seen.add((version.name, version.since))
            if version.open_contacts and version.since is None:
                yield (*where, "open_contacts"), "needs from", "demande from"
            channels = set(version.match.channel)
            for kind, rule in version.clocks.items():
                if rule.target > LONGEST_YEARS * _PER_YEAR.get(rule.unit, 366):
                    yield (
                        (*where, "clocks", kind.value, "target"),
                        f"is more than {LONGEST_YEARS} years",
                        f"dépasse {LONGEST_YEARS} ans",
                    )
                if rule.roll and rule.unit in TIME_UNITS:
                    yield (
                        (*where, "clocks", kind.value, "roll"),
                        f"moves no delay in {rule.unit}",
                        f"ne reporte aucun délai en {rule.unit}",
                    )
                possible = QUEUE_CHANNELS if kind is ClockKind.ANSWER else WRITTEN_CHANNELS
                if channels and not channels & possible:
                    words = ", ".join(sorted(possible))
                    yield (*where, "clocks", kind.value), f"only for {words}", f"seulement pour {words}"

    def _shadowed(self) -> Iterator[tuple[tuple[int | str, ...], str, str]]:
        """Yield policies that never count, since another that is before them, always, is for the same contacts."""
        versions = Counter(version.name for version in self.policy)
        for index, version in enumerate(self.policy):
            for other in self.policy[:index]:
                always = other.since is None and versions[other.name] == 1
                if always and other.match.covers(version.match):
                    yield (
                        ("policy", index, "match"),
                        f"never counts: {other.name!r}, before it, is for the same contacts",
                        f"ne compte jamais : {other.name!r}, avant elle, vaut pour les mêmes contacts",
                    )
                    break


class TargetTerms(NamedTuple):
    """What holds for one clock of one contact."""

    policy: str
    since: str
    """First day of the version, ISO 8601; empty if it has none."""
    kind: ClockKind
    target: int
    unit: Unit
    at_risk: float
    pauses: bool
    roll: bool
    calendar: str

    @property
    def amount(self) -> int:
        """The target as calendars count it: of time milliseconds."""
        return self.target * 1000 if self.unit in TIME_UNITS else self.target


class _Version(NamedTuple):
    since: int
    """Milliseconds since 1970; 0 if it has no first day."""
    takes_over: bool
    match: Match
    terms: Mapping[ClockKind, TargetTerms]


class Policies:
    """The policies of a file, ready to be asked; without a file, none."""

    def __init__(self, file: SlaFile | None = None, fingerprint: str = "") -> None:
        file = file or SlaFile()
        self.fingerprint: Final = fingerprint
        """Of the file's content: another one may mean other deadlines."""
        self.empty: Final = not file.policy
        self.calendars: Final[Mapping[str, Calendar]] = {
            name: compile_calendar(rules) for name, rules in file.calendars.items()
        }
        self._versions: Final = [(self._compile(version), version) for version in file.policy]
        self._by_name: Final = [
            sorted((made for made, version in self._versions if version.name == name), key=lambda one: one.since)
            for name in dict.fromkeys(version.name for version in file.policy)
        ]
        starts = {version.since for versions in self._by_name for version in versions}
        self._starts: Final = sorted(starts)
        self._takeovers: Final = sorted(made.since for made, _ in self._versions if made.takes_over)
        self._find = cache(self._search)

    def fingerprint_at(self, now: int) -> str:
        """Return what is another one as soon as open contacts may have other deadlines: a version that is for them began, too."""
        begun = bisect_right(self._takeovers, now)
        return f"{self.fingerprint}+{begun}" if begun else self.fingerprint

    def sla_targets(self) -> Iterator[tuple[TargetTerms, ClockRule]]:
        """Yield all that is promised, in the order of the file."""
        for _, terms, rule in self.versions():
            yield terms, rule

    def versions(self) -> Iterator[tuple[PolicyVersion, TargetTerms, ClockRule]]:
        """Yield the same, each promise with the version that makes it."""
        for made, version in self._versions:
            for kind, rule in version.clocks.items():
                yield version, made.terms[kind], rule

    def in_force(self, at: int) -> list[PolicyVersion]:
        """Return the version of each policy that is for those who arrive at `at`, in the order of the file."""
        begun = sorted((told for told in self._versions if told[0].since <= at), key=lambda told: told[0].since)
        latest = {version.name: version for _, version in begun}
        return [latest[name] for name in dict.fromkeys(version.name for _, version in self._versions) if name in latest]

    def find(
        self, channel: str, site: str, service: str, reason: str, arrived_at: int, now: int
    ) -> Mapping[ClockKind, TargetTerms]:
        """Return the terms of a contact that arrived then, if it is still open now; empty if nothing was promised."""
        arrival, present = bisect_right(self._starts, arrived_at), bisect_right(self._starts, max(arrived_at, now))
        return self._find(channel, site, service, reason, arrival, present)

    def _search(
        self, channel: str, site: str, service: str, reason: str, arrival: int, present: int
    ) -> Mapping[ClockKind, TargetTerms]:
        for versions in self._by_name:
            chosen = None
            for version in versions:
                order = bisect_right(self._starts, version.since)
                if order <= arrival or (version.takes_over and order <= present):
                    chosen = version
            if chosen is not None and chosen.match.fits(channel, site, service, reason):
                return chosen.terms
        return _NOTHING

    def _compile(self, version: PolicyVersion) -> _Version:
        zone = self.calendars[version.calendar].zone
        since = version.since
        return _Version(
            instant_of(zone, since) if since else 0,
            version.open_contacts,
            version.match,
            {
                kind: TargetTerms(
                    version.name,
                    _iso(since),
                    kind,
                    rule.target,
                    rule.unit,
                    rule.at_risk,
                    bool(rule.pause),
                    rule.roll,
                    rule.calendar or version.calendar,
                )
                for kind, rule in version.clocks.items()
            },
        )


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


_NOTHING: Final[Mapping[ClockKind, TargetTerms]] = {}
