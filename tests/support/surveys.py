"""Options and sample messages of a survey tool."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import SecretStr

from connectors.survey.reference import ContactReferences
from connectors.survey.simulate import TYPES, write_invitation, write_response
from tests.support.webhooks import OTHER_SECRET, SECRET

BEGIN: Final = datetime(2026, 3, 16, 8, tzinfo=UTC)
CALL: Final = "call:asterisk/siege:1773648000.12"
REFERENCE_SECRET: Final = "whsec_" + "cmVmZXJlbmNlcy1kLWVzc2FpLXBhcy1wb3VyLWRlLXZyYWk="
REFERENCES: Final = ContactReferences([SecretStr(REFERENCE_SECRET)])
FOREIGN: Final = ContactReferences([SecretStr(OTHER_SECRET)])
OPTIONS: Final[dict[str, Any]] = {
    "port": 0,
    "secret": SECRET,
    "reference_secret": REFERENCE_SECRET,
    "type": "event",
    "ignored": ["testEndpoint", "responseCreated", "responseUpdated"],
    "types": TYPES,
}


def answer(native: str, minute: float, score: Any, reference: str | None = None, **fields: Any) -> bytes:
    """Return an answer in the format of the tool."""
    fields = {"satisfaction": score, **fields} if score is not None else fields
    fields |= {"ref": reference} if reference is not None else {}
    return write_response(native, BEGIN + timedelta(minutes=minute), fields)


def invitation(native: str, minute: float, reference: str) -> bytes:
    """Return an invitation in the format of the inviting system."""
    return write_invitation(native, BEGIN + timedelta(minutes=minute), reference)
