"""Clock events as a worker writes them, for tests of contacts at risk."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from models.ids import contact_id
from models.sla import decode_sla
from models.topics import Channel
from tests.unit.web.sla_policies import NOON

HOUR = timedelta(hours=1)


def clock_event(
    kind: str, number: str, due_at: datetime | None = NOON + HOUR, channel: str = "mail", **data: Any
) -> tuple[bytes, bytes]:
    """Return the key and value of a clock event."""
    subject = contact_id(Channel(channel), "courrier", number)
    event = {
        "specversion": "1.0",
        "id": f"{kind}-{number}",
        "source": "accueil/sla",
        "type": f"sla.{kind}",
        "subject": subject,
        "time": NOON.isoformat(),
        "sector": "social",
        "site": "siege",
        "service": "social",
        "channel": channel,
        "data": {
            "policy": "courrier",
            "clock": "answer" if channel == "call" else "announced",
            "target": 15,
            "unit": "working_days",
            "calendar": "siege",
            "started_at": (NOON - 9 * HOUR).isoformat(),
            "deadline_at": due_at and due_at.isoformat(),
            **data,
        },
    }
    value = msgspec.json.encode(event)
    decode_sla(value)
    return subject.encode(), value
