"""Envelope of all events: CloudEvents 1.0, structured JSON mode (https://github.com/cloudevents/spec).

`id source type subject time` are CloudEvents attributes. Accueil's extension attributes are `sector site service channel
recordedtime sequence identities dataversion`. CloudEvents allows only strings and integers there, so `identities` is one string.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LABEL_PATTERN: Final = r"^[A-Za-z0-9._-]*$"
Label = Annotated[str, StringConstraints(max_length=64, pattern=LABEL_PATTERN)]
"""A configured name from a closed set (site, service, queue …), short enough for a metric label."""

CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"


class EventPart(BaseModel):
    """Base of all event models: frozen, strict about types, without input values in error messages.

    Unknown fields are ignored, so that a newer producer may add fields.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def make(cls, fields: Mapping[str, Any]) -> Self:
        """Return an instance made from nested mappings, in two thirds of the time that the constructors take.

        Raises `pydantic.ValidationError`.
        """
        instance: Self = cls.__pydantic_validator__.validate_python(fields)
        return instance


class Envelope(EventPart):
    """CloudEvents attributes of one event. Each event type has a subclass that fixes `type` and adds `data`."""

    type: str = ""
    """First in the JSON, so that decoders find it without a search."""
    specversion: Literal["1.0"] = "1.0"
    id: Text
    """Deterministic (`models.ids.event_id`): a fact keeps its id when it is published again.

    Unique across all sources, which is stricter than CloudEvents: two facts with one id count as duplicates, or one of them is
    rejected. `event_id` includes the source's name for this reason.
    """
    source: Text
    """Origin of the event: `<connector>/<instance>`, as in `asterisk/siege`."""
    subject: Text
    """Contact id `<channel>:<source>:<native id>`, or `agent:<source>:<pseudonym>`; also the Kafka key."""
    time: AwareDatetime
    """When the event happened."""
    recordedtime: AwareDatetime | None = None
    """When the connector learned of the event; None if it does not record this."""
    sequence: Annotated[str, StringConstraints(max_length=32)] = ""
    """Order among events of one source with the same time. Compared as text, so numbers are zero-padded."""
    sector: Label = ""
    """Sector whose key made the pseudonyms (aide sociale, routes …). Pseudonyms of two sectors cannot be linked."""
    site: Label = ""
    service: Label = ""
    identities: Annotated[str, StringConstraints(max_length=1000)] = ""
    """Pseudonyms of the citizen, strongest first, separated by a space: `case:… phone:…`. Never a raw value."""
    datacontenttype: Literal["application/json"] = "application/json"
    dataversion: Literal[1] = Field(default=1)
    """Version of the event type's `data`."""
