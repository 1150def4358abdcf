"""Fake of a mailbox of Microsoft 365, as Graph v1.0 shows it (`tests.support.fake_graph`)."""

import json
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from itertools import count
from typing import Any, NamedTuple


class Item(NamedTuple):
    """Message in a folder."""

    folder: str
    created: int
    """Number of the change that put it there."""
    values: dict[str, Any]


class FakeMailbox:
    """Mailbox of one user. The folders `inbox` and `sentitems` exist."""

    def __init__(self) -> None:
        self.folders: dict[str, tuple[str, str]] = {
            "inbox-id": ("Boîte de réception", ""),
            "sent-id": ("Éléments envoyés", ""),
        }
        """Folder id → display name, and id of the parent."""
        self.items: dict[str, Item] = {}
        self.changes: list[tuple[str, str]] = []
        """Folder and message of each change, oldest first."""
        self._numbers = count(1)

    def folder(self, name: str) -> str:
        """Return the id of a folder, named from the top, and create it and its parents if they are missing."""
        known = {"inbox": "inbox-id", "sentitems": "sent-id", "Sent": "sent-id", "INBOX": "inbox-id"}
        parent = ""
        for number, step in enumerate(name.split("/")):
            if number == 0 and step in known:
                parent = known[step]
                continue
            below = [key for key, (title, above) in self.folders.items() if (title, above) == (step, parent)]
            parent = below[0] if below else self._create(step, parent)
        return parent

    def put(self, folder: str, at: datetime, content: bytes) -> str:
        """Store the raw message `content` as received at `at`, or as sent if `folder` is `sentitems`; return its id."""
        where = self.folder(folder)
        return self._add(where, _properties(content, at, with_headers=where != "sent-id"))

    def add(self, folder: str, **values: Any) -> str:
        """Store a message with these properties."""
        return self._add(self.folder(folder), values)

    def move(self, message: str, folder: str) -> str:
        """Move a message; it gets another id."""
        item = self.items.pop(message)
        self.changes.append((item.folder, message))
        return self._add(self.folder(folder), item.values)

    def delete(self, message: str) -> None:
        self.changes.append((self.items.pop(message).folder, message))

    def mark_read(self, message: str) -> None:
        self.changes.append((self.items[message].folder, message))

    def remove_folder(self, name: str) -> None:
        del self.folders[self.folder(name)]

    def _create(self, name: str, parent: str) -> str:
        created = f"folder-{next(self._numbers)}"
        self.folders[created] = (name, parent)
        return created

    def _add(self, folder: str, values: dict[str, Any]) -> str:
        message = f"AAMk-{next(self._numbers)}="
        self.changes.append((folder, message))
        self.items[message] = Item(folder, len(self.changes), values)
        return message


def _properties(content: bytes, at: datetime, *, with_headers: bool) -> dict[str, Any]:
    """Return the properties of a raw message. Without headers it is a sent one: its references are extended properties."""
    message = BytesHeaderParser().parsebytes(content)
    headers = [(name, str(value)) for name, value in message.items()]
    first = {name.lower(): value for name, value in reversed(headers)}
    values: dict[str, Any] = {"subject": first.get("subject"), "isDraft": False, "isRead": False}
    values["body"] = {"contentType": "text", "content": content.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")}
    values["bodyPreview"] = values["body"]["content"][:255]
    values["internetMessageId"] = first.get("message-id")
    values["receivedDateTime"] = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    values["sentDateTime"] = _sent_at(first.get("date", ""))
    values["from"] = values["sender"] = next(iter(_recipients(first.get("from", ""))), None)
    for name, header in (
        ("replyTo", "reply-to"),
        ("toRecipients", "to"),
        ("ccRecipients", "cc"),
        ("bccRecipients", "bcc"),
    ):
        values[name] = _recipients(first.get(header, ""))
    extended = {"String 0x1042": first.get("in-reply-to"), "String 0x1039": first.get("references")}
    extended |= {
        "String {00020386-0000-0000-C000-000000000046} Name Auto-Submitted": first.get("auto-submitted"),
        "String 0x1a": "IPM.Note",
    }
    values["extended"] = [{"id": name, "value": value} for name, value in extended.items() if value]
    if with_headers:
        values["internetMessageHeaders"] = [{"name": name, "value": value} for name, value in headers]
    return json.loads(json.dumps(values, ensure_ascii=True).replace("\\udc", "\\u00"))  # raw bytes as Latin-1


def _sent_at(date: str) -> str | None:
    try:
        return f"{parsedate_to_datetime(date).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, TypeError, OverflowError):
        return None


def _recipients(text: str) -> list[dict[str, Any]]:
    return [{"emailAddress": {"name": name, "address": address}} for name, address in getaddresses([text]) if address]
