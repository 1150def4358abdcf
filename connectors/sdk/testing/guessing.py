"""Ids of events that a guess of a personal value reproduces."""

import re

from models.events import Event
from models.identities import normalise_email, normalise_phone
from models.ids import contact_id, event_id
from models.topics import Channel


def recomputed(value: str, event: Event) -> list[str]:
    """Return the fields of `event` with an id that a guess of the personal `value` reproduces."""
    _, _, native = event.subject.split(":", 2)
    texts = {value, re.sub(r"\D", "", value), normalise_phone(value) or "", normalise_email(value) or ""} - {""}
    found = []
    for text in texts:
        ids = {
            event_id(event.source, given, revision)
            for given in (text, f"{event.type}|{text}", f"{event.type}|{native}", native)
            for revision in ("", text)
            if text in {given.rpartition("|")[2], revision}
        }
        found += ["id"] if event.id in ids else []
        found += ["subject"] if native == contact_id(Channel.CALL, "", text).split(":", 2)[2] else []
    return found
