"""SLA policies: which contacts have which SLA targets.

Each `[[policy]]` table of the SLA file is one version of a policy; versions of a policy share its name. Policies are tried in the
order of the file. A contact gets the first policy whose version at the contact's arrival matches it. From its first day on, a
version with `open_contacts` also applies to contacts that arrived earlier and are still open.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool

from models.calendars import Calendar, CalendarRules, Unit
from models.calendars.compiled import TIME_UNITS
from models.calendars.local_time import instant_of
from models.calendars.rules import KnownDate
from models.envelope import Label
from models.locale import _
from models.topics import Channel


class ClockKind(StrEnum):
    """The action that ends an SLA clock."""

    ANSWER = "answer"
    """Calls and visits: an agent answers. One clock per queue stay."""
    ACKNOWLEDGE = "acknowledge"
    """Letters, e-mail, forms: the citizen gets an acknowledgement of receipt, automatic or not."""
    FIRST_RESPONSE = "first_response"
    """An agent first contacts the citizen; a question counts."""
    ANNOUNCED = "announced"
    """The request is fulfilled, within the delay that the service publicly announces; a question does not count."""
    RESOLUTION = "resolution"
    """The case is closed."""


QUEUE_CHANNELS: Final = frozenset({Channel.CALL, Channel.VISIT})
WRITTEN_CHANNELS: Final = frozenset({Channel.MAIL, Channel.EMAIL, Channel.FORM})
LONGEST_YEARS: Final = 10
"""Longest SLA target, in years."""
_PER_YEAR: Final = {Unit.MONTHS: 12, **dict.fromkeys(TIME_UNITS, 366 * 86_400)}
"""Unit → length of a year, in months or seconds. Units in days are not listed and count 366."""


class ClockRule(BaseModel):
    """One SLA target: `[policy.clocks.<clock>]`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    target: Annotated[int, Field(gt=0, strict=True)]
    """The target in `unit`; in seconds for `opening_hours` and `elapsed`."""
    unit: Unit
    at_risk: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.8
    """Share of the target after which the contact is at risk."""
    objective: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.9
    """Share of contacts that must meet the target."""
    pause: tuple[Literal["pending_citizen"], ...] = ("pending_citizen",)
    """States of the contact in which the clock is paused."""
    roll: StrictBool = False
    """Whether a deadline in days or months moves off days on which it cannot end: see `roll` of `Calendar`."""
    calendar: Label = ""
    """Calendar of this target; empty for the policy's calendar."""


def _as_tuple(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


class Match(BaseModel):
    """Contacts that a policy applies to. An empty field matches all values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    channel: Annotated[tuple[Channel, ...], BeforeValidator(_as_tuple)] = ()
    service: Annotated[tuple[Label, ...], BeforeValidator(_as_tuple)] = ()
    site: Annotated[tuple[Label, ...], BeforeValidator(_as_tuple)] = ()
    reason: Annotated[tuple[Label, ...], BeforeValidator(_as_tuple)] = ()
    """Queue of a call or visit, procedure of a form."""

    def fits(self, channel: str, site: str, service: str, reason: str) -> bool:
        """Return whether a contact with these values matches. `reason` is its queue or procedure."""
        return (
            (not self.channel or channel in self.channel)
            and (not self.site or site in self.site)
            and (not self.service or service in self.service)
            and (not self.reason or reason in self.reason)
        )

    def covers(self, other: "Match") -> bool:
        """Return whether this matches every contact that `other` matches."""
        own, others = ([set(getattr(match, name)) for name in Match.model_fields] for match in (self, other))
        return all(not wide or (narrow and narrow <= wide) for wide, narrow in zip(own, others, strict=True))


class PolicyVersion(BaseModel):
    """One `[[policy]]` table: a version of the policy `name`, valid until the next version of that name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[Label, Field(min_length=1)]
    since: Annotated[KnownDate | None, Field(alias="from")] = None
    """First day of arrival; without it the version applies to all contacts that arrive before the next version."""
    open_contacts: StrictBool = False
    """Whether the version also applies, from its first day on, to contacts that arrived earlier and are open."""
    match: Match = Match()
    calendar: Annotated[Label, Field(min_length=1)]
    clocks: Annotated[dict[ClockKind, ClockRule], Field(min_length=1)]


class SlaFile(BaseModel):
    """Content of the SLA file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    calendars: dict[Label, CalendarRules] = {}
    policy: tuple[PolicyVersion, ...] = ()

    def mistakes(self) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """Yield mistakes that only show between keys or tables, such as an unknown calendar; nothing for a correct file.

        Each has the path of the key, and the error message.
        """
        yield from self._shadowed()
        seen: set[tuple[str, date | None]] = set()
        for index, version in enumerate(self.policy):
            path = ("policy", index)
            calendars = {(*path, "calendar"): version.calendar} | {
                (*path, "clocks", kind.value, "calendar"): rule.calendar for kind, rule in version.clocks.items()
            }
            for key, name in calendars.items():
                if name and name not in self.calendars:
                    yield key, _("unknown calendar {name!r}", name=name)
            if (version.name, version.since) in seen:
                yield ((*path, "from"), _("{name!r} has two versions from the same day", name=version.name))
            seen.add((version.name, version.since))
            if version.open_contacts and version.since is None:
                yield (*path, "open_contacts"), _("needs from")
            channels = set(version.match.channel)
            for kind, rule in version.clocks.items():
                if rule.target > LONGEST_YEARS * _PER_YEAR.get(rule.unit, 366):
                    yield ((*path, "clocks", kind.value, "target"), _("exceeds {years} years", years=LONGEST_YEARS))
                if rule.roll and rule.unit in TIME_UNITS:
                    yield (
                        (*path, "clocks", kind.value, "roll"),
                        _("has no effect on a target in {unit}", unit=rule.unit),
                    )
                possible = QUEUE_CHANNELS if kind is ClockKind.ANSWER else WRITTEN_CHANNELS
                if channels and not channels & possible:
                    names = ", ".join(sorted(possible))
                    yield (*path, "clocks", kind.value), _("only for {names}", names=names)

    def _shadowed(self) -> Iterator[tuple[tuple[int | str, ...], str]]:
        """Yield a mistake for each version that never applies: an earlier policy, which is always valid, matches its contacts."""
        versions = Counter(version.name for version in self.policy)
        for index, version in enumerate(self.policy):
            for other in self.policy[:index]:
                always = other.since is None and versions[other.name] == 1
                if always and other.match.covers(version.match):
                    yield (
                        ("policy", index, "match"),
                        _("never applies: the earlier policy {name!r} matches the same contacts", name=other.name),
                    )
                    break


class TargetTerms(NamedTuple):
    """Terms of one SLA target, resolved from the policy and the clock rule."""

    policy: str
    since: str
    """First day of the policy's version, ISO 8601; empty if the version has none."""
    kind: ClockKind
    target: int
    unit: Unit
    at_risk: float
    pauses: bool
    roll: bool
    calendar: str

    @property
    def amount(self) -> int:
        """Return the target as an amount for `Calendar`: milliseconds for time units, else days or months."""
        return self.target * 1000 if self.unit in TIME_UNITS else self.target


class _Version(NamedTuple):
    since: int
    """Start of the first day, in milliseconds since 1970; 0 without a first day."""
    takes_over: bool
    match: Match
    terms: Mapping[ClockKind, TargetTerms]


class Policies:
    """Compiled policies and calendars of an SLA file; without a file, no contact has an SLA target.

    Times are milliseconds since 1970.
    """

    def __init__(self, file: SlaFile | None = None, fingerprint: str = "") -> None:
        file = file or SlaFile()
        self.fingerprint: Final = fingerprint
        """Hash of the file's content; empty without a file. If it changes, deadlines may change."""
        self.empty: Final = not file.policy
        self.calendars: Final[Mapping[str, Calendar]] = {
            name: Calendar(rules) for name, rules in file.calendars.items()
        }
        self._versions: Final = [(self._compile(version), version) for version in file.policy]
        self._by_name: Final = [
            sorted(
                (compiled for compiled, version in self._versions if version.name == name),
                key=lambda compiled: compiled.since,
            )
            for name in dict.fromkeys(version.name for version in file.policy)
        ]
        starts = {version.since for versions in self._by_name for version in versions}
        self._starts: Final = sorted(starts)
        self._takeovers: Final = sorted(compiled.since for compiled, _ in self._versions if compiled.takes_over)
        self._find = cache(self._search)

    def fingerprint_at(self, now: int) -> str:
        """Return a fingerprint at the time `now` that changes whenever deadlines of open contacts may change.

        This happens with another file, and when the first day of a version with `open_contacts` begins.
        """
        begun = bisect_right(self._takeovers, now)
        return f"{self.fingerprint}+{begun}" if begun else self.fingerprint

    def sla_targets(self) -> Iterator[tuple[TargetTerms, ClockRule]]:
        """Yield the terms and the rule of each SLA target of all policy versions, past and future, in the order of the file."""
        for _version, terms, rule in self.versions():
            yield terms, rule

    def versions(self) -> Iterator[tuple[PolicyVersion, TargetTerms, ClockRule]]:
        """Yield the same as `sla_targets`, each with its policy version in front."""
        for compiled, version in self._versions:
            for kind, rule in version.clocks.items():
                yield version, compiled.terms[kind], rule

    def in_force(self, at: int) -> list[PolicyVersion]:
        """Return the version of each policy that applies to contacts arriving at `at`, in the order of the file.

        Policies whose first version begins later are left out.
        """
        begun = sorted((pair for pair in self._versions if pair[0].since <= at), key=lambda pair: pair[0].since)
        latest = {version.name: version for _, version in begun}
        return [latest[name] for name in dict.fromkeys(version.name for _, version in self._versions) if name in latest]

    def find(
        self, channel: str, site: str, service: str, reason: str, arrived_at: int, now: int
    ) -> Mapping[ClockKind, TargetTerms]:
        """Return clock kind → terms of a contact that arrived at `arrived_at` and is open at `now`; empty if no policy fits.

        `reason` is its queue or procedure. The result may include kinds of clocks that its channel does not have.
        """
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
        return {}

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
                    since.isoformat() if since else "",
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
