"""The envelope of every event: CloudEvents 1.0, structured JSON mode (https://github.com/cloudevents/spec).

`id source type subject time` are CloudEvents' own; `sector site service channel recordedtime sequence identities dataversion`
are extensions. Extension values are plain strings or integers, as CloudEvents asks: `identities` is one string.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LABEL_PATTERN: Final = r"^[A-Za-z0-9._-]*$"
Label = Annotated[str, StringConstraints(max_length=64, pattern=LABEL_PATTERN)]
"""A word from a closed set of the configuration (site, service, queue …): short, so that it can be a metric label."""

CONTENT_TYPE = b"application/cloudevents+json; charset=UTF-8"


class EventPart(BaseModel):
    """What all models share: frozen, strict about types, silent about values in error texts.

    Unknown fields are ignored, so that a newer producer may add some.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def make(cls, fields: Mapping[str, Any]) -> Self:
        """Return what the constructors of this and of the parts in it would, given all fields at once, in two thirds of the time.

        Raises `pydantic.ValidationError`.
        """
        made: Self = cls.__pydantic_validator__.validate_python(fields)
        return made


class Envelope(EventPart):
    """CloudEvents attributes of one event; a subclass per event type says what `type` is, and adds `data`."""

    type: str = ""
    """First in JSON: who decodes an event need not look for it."""
    specversion: Literal["1.0"] = "1.0"
    id: Text
    """Deterministic (`models.ids.event_id`): the same fact has the same id, however often it is told.

    Unique whatever the source, which is more than CloudEvents asks for: of two facts with one id one is taken for the other told
    again, or set aside. A source that numbers its events needs its name in their ids, as `event_id` puts it there.
    """
    source: Text
    """What told it: `<connector>/<instance>`, as in `asterisk/siege`."""
    subject: Text
    """The contact id `<channel>:<source>:<native id>`, or `agent:<source>:<pseudonym>`; also the Kafka key."""
    time: AwareDatetime
    """When it happened."""
    recordedtime: AwareDatetime | None = None
    """When the connector learned of it."""
    sequence: Annotated[str, StringConstraints(max_length=32)] = ""
    """Order of events of one source with the same time: compared as text, so numbers are padded."""
    sector: Label = ""
    """The sector whose key made the pseudonyms (aide sociale, routes …); sectors do not mix."""
    site: Label = ""
    service: Label = ""
    identities: Annotated[str, StringConstraints(max_length=1000)] = ""
    """Pseudonyms of the citizen, strongest first, separated by a space: `case:… phone:…`. Never a raw value."""
    datacontenttype: Literal["application/json"] = "application/json"
    dataversion: Literal[1] = Field(default=1)
    """Version of the event type's `data`."""
