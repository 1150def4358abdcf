"""How one reader is told what happened: in his language, and by the clocks of one zone."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from models.timestamps import day_ending_at, milliseconds
from streams.privacy.labels import label
from streams.privacy.vocabulary import name


class Formatter(NamedTuple):
    """How one reader is told things."""

    language: str
    zone: tzinfo
    services: Mapping[str, str]
    """Code → name."""
    has_offsets: bool = False
    """Whether times are told with their offset: where nothing beside says of which zone they are."""
    queues: Mapping[tuple[str, str, str], str] = MappingProxyType({})
    """Channel, site and code → name."""

    def say(self, word: str, **values: object) -> str:
        """Return a sentence or heading of an export."""
        return label(word, self.language, **values)

    def name(self, of: str, value: str) -> str:
        """Return the word for a value of a set."""
        return name(of, value, self.language)

    def format_time(self, time: str) -> str:
        """Return a time by the clocks of the zone; nothing for none."""
        if not time:
            return ""
        text = datetime.fromisoformat(time).astimezone(self.zone).isoformat(" ", "seconds")
        return text if self.has_offsets else text[: len("2026-11-25 09:00:00")]

    def deadline(self, time: str) -> str:
        """Return a deadline: the last day if it is the midnight after one, else as `when` does."""
        day = day_ending_at(milliseconds(datetime.fromisoformat(time)), self.zone) if time else None
        return self.format_time(time) if day is None else day.isoformat()

    def where(self, site: str, service: str) -> str:
        """Return a place."""
        called = self.services.get(service, service)
        return f"{called} ({site})" if called and site else called or site

    def queue(self, channel: str, site: str, code: str) -> str:
        """Return what a queue is called."""
        return self.queues.get((channel, site, code), code)

    def location_with_codes(self, site: str, service: str) -> str:
        """Return a place by the codes that commands take, with the name of its service before them if it has one."""
        codes, called = "/".join(filter(None, (site, service))), self.services.get(service)
        return f"{called} ({codes})" if called else codes

    def number(self, value: float, form: str = "g") -> str:
        """Return a number as it is written."""
        return format(value, form).replace(".", "," if self.language == "fr" else ".")

    def with_detail(self, what: str, *details: str) -> str:
        """Return `what`, with what is told of it if anything is."""
        detail = ", ".join(filter(None, details))
        return self.say("detail", what=what, detail=detail) if detail else what

    def opinion(self, scale: str, score: Any) -> str:
        """Return a mark, of how many, and what it is about."""
        most = scale.rpartition("_")[2]
        return self.say("of", score=score, most=most, scale=self.name("scale", scale))

    def value(self, field: str, value: Any) -> str:
        """Return what an event told in one of its fields."""
        if field.endswith("_at"):
            return self.format_time(value)
        if field.endswith("_seconds"):
            return self.say("seconds", number=self.number(value))
        if field == "cost_cents":
            return self.say("euros", number=self.number(value / 100, ".2f"))
        if isinstance(value, str):
            of = _SETS.get(field)
            return self.name(of, value) if of else self.services.get(value, value)
        return str(value)

    def data(self, data: Mapping[str, Any]) -> str:
        """Return all that an event told in its fields."""
        if "score" in data:
            return self.opinion(data["scale"], data["score"])
        told = ((self.name("field", field), self.value(field, value)) for field, value in data.items())
        return ", ".join(self.say("detail", what=what, detail=value) for what, value in told)


_SETS: Final = {"outcome": "outcome", "decision": "outcome", "postage": "postage", "by": "party", "scale": "scale"}
"""Fields whose values are codes, and the set of words for them."""


def format_entry(type_: str, detail: str, formatter: Formatter) -> str:
    """Return what happened, with what was told of it: as the timeline page does, and by which policy something was promised."""
    what = formatter.name("type", type_)
    match type_.partition(".")[0]:
        case "sla":
            policy, _, clock = detail.rpartition(":")
            return formatter.with_detail(what, formatter.name("clock", clock), formatter.say("policy", policy=policy))
        case "appointment":
            detail = formatter.format_time(detail)
        case "letter" if detail:
            detail = f"{formatter.say('stamped')} {formatter.format_time(detail)}"
        case "feedback" if detail:
            detail = formatter.opinion(*detail.split(":"))
    return formatter.with_detail(what, detail)
