"""Types of fields that several event types have."""

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from models.envelope import EventPart

Seconds = Annotated[float, Field(ge=0, le=315_576_000, allow_inf_nan=False)]
"""A duration in seconds, at most ten years."""
YEARS: Final = range(1970, 2200)
"""Years in which an appointment may take place. Far from years 1 and 9999, which other time zones cannot represent."""
Reference = Annotated[str, StringConstraints(min_length=1, max_length=100)]
"""The source system's reference (chrono, dossier, rdv id): never a name, never free text."""
AgentName = Annotated[str, StringConstraints(max_length=100)]
"""An agent's pseudonym (`models.identities`), or empty if unknown."""
Ordinal = Annotated[int, Field(ge=1, le=10_000_000_000)]
"""Number of a thing among those of its contact, or its start in seconds since 1970."""
Count = Annotated[int, Field(ge=0, le=1_000_000)]


class NoData(EventPart):
    """Data of an event type without fields of its own."""
