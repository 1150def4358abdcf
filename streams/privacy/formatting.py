"""Format events for exports and commands, in the reader's language and time zone."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from models.locale import N_, translate
from models.timestamps import day_ending_at, milliseconds
from streams.privacy.vocabulary import name

DATE: Final = N_("%Y-%m-%d")


class Formatter(NamedTuple):
    """Format values in one language and time zone."""

    language: str
    zone: tzinfo
    services: Mapping[str, str]
    """Code of a service → its name."""
    has_offsets: bool = False
    """True: write times as ISO 8601 with their UTC offset, because the text does not name the time zone."""
    queues: Mapping[tuple[str, str, str], str] = MappingProxyType({})
    """Channel, site and code of a queue → its name."""
    reasons: Mapping[str, str] = MappingProxyType({})
    """Code of a reason for contact → its name."""

    def translate(self, message: str, **values: object) -> str:
        """Return a message, with `values` for its placeholders."""
        return translate(message, self.language, **values)

    def name(self, of: str, value: str) -> str:
        """Return the label of a value in the vocabulary `of`; the value itself if it has none."""
        return name(of, value, self.language)

    def format_time(self, time: str) -> str:
        """Return an ISO 8601 time in the time zone, as `25/11/2026 09:00` in French; empty if `time` is empty.

        With offsets, it is `2026-11-25 09:00:00+01:00` in every language.
        """
        if not time:
            return ""
        local = datetime.fromisoformat(time).astimezone(self.zone)
        return local.isoformat(" ", "seconds") if self.has_offsets else local.strftime(f"{self.translate(DATE)} %H:%M")

    def deadline(self, time: str) -> str:
        """Return an ISO 8601 deadline: the last day if it is the midnight after a day, else the time; empty if it is empty."""
        day = day_ending_at(milliseconds(datetime.fromisoformat(time)), self.zone) if time else None
        if day is None:
            return self.format_time(time)
        return day.isoformat() if self.has_offsets else day.strftime(self.translate(DATE))

    def where(self, site: str, service: str) -> str:
        """Return a place as the name of its service and its site, or as the one of both that is known; empty if neither is."""
        title = self.services.get(service, service)
        return f"{title} ({site})" if title and site else title or site

    def queue(self, channel: str, site: str, code: str) -> str:
        """Return the name of a queue; its code if it has none."""
        return self.queues.get((channel, site, code), code)

    def location_with_codes(self, site: str, service: str) -> str:
        """Return a place as `site/service`, by the codes that commands accept, after the name of its service if it has one."""
        codes, title = "/".join(filter(None, (site, service))), self.services.get(service)
        return f"{title} ({codes})" if title else codes

    def number(self, value: float, form: str = "g") -> str:
        """Return a number in the format `form`, with the language's decimal separator."""
        return format(value, form).replace(".", "," if self.language == "fr" else ".")

    def with_detail(self, what: str, *details: str) -> str:
        """Return `what`, followed by its details if any."""
        detail = ", ".join(filter(None, details))
        return self.translate("{what}: {detail}", what=what, detail=detail) if detail else what

    def opinion(self, scale: str, score: Any) -> str:
        """Return a score, its maximum and the name of its scale."""
        most = scale.rpartition("_")[2]
        return self.translate("{score} / {most} ({scale})", score=score, most=most, scale=self.name("scale", scale))

    def value(self, field: str, value: Any) -> str:
        """Return the value of an event's field as text; the name of `field` determines the format.

        Empty for True: the field's name says it all.
        """
        if value is True:
            return ""
        if field.endswith("_at"):
            return self.format_time(value)
        if field.endswith("_seconds"):
            return self.translate("{number} s", number=self.number(value))
        if field == "cost_cents":
            return self.translate("€{number}", number=self.number(value / 100, ".2f"))
        if field == "contact_reason":
            return self.reasons.get(value, value)
        if isinstance(value, str):
            of = _SETS.get(field)
            return self.name(of, value) if of else self.services.get(value, value)
        return str(value)

    def data(self, data: Mapping[str, Any]) -> str:
        """Return all fields of an event's data but false ones as one text; for feedback only the score."""
        if "score" in data:
            return self.opinion(data["scale"], data["score"])
        fields = (
            (self.name("field", field), self.value(field, value)) for field, value in data.items() if value is not False
        )
        return ", ".join(self.with_detail(what, value) for what, value in fields)


_SETS: Final = {"outcome": "outcome", "decision": "outcome", "postage": "postage", "by": "party", "scale": "scale"}
"""Field with coded values → the vocabulary of its codes."""


def format_entry(type_: str, detail: str, formatter: Formatter) -> str:
    """Return the text of a timeline entry with its details, as the timeline page shows it; for SLA events with the policy.

    The form of `detail` depends on the event type: `policy:clock` for SLA, a time for appointments and letters, `scale:score` for
    feedback, the code of a reason for contact.
    """
    what = formatter.name("type", type_)
    match type_.partition(".")[0]:
        case "sla":
            policy, _, clock = detail.rpartition(":")
            return formatter.with_detail(
                what, formatter.name("clock", clock), formatter.translate("policy {policy}", policy=policy)
            )
        case "appointment":
            detail = formatter.format_time(detail)
        case "letter" if detail:
            detail = " ".join((formatter.translate("stamped"), formatter.format_time(detail)))
        case "feedback" if detail:
            detail = formatter.opinion(*detail.split(":"))
        case "contact":
            detail = formatter.reasons.get(detail, detail)
    return formatter.with_detail(what, detail)
