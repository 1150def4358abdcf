"""References in survey links, which identify the contact that an answer concerns.

A reference is the contact's id, encrypted and authenticated (AES-SIV, RFC 5297). Without the secret it can be neither read, nor
created, nor changed. With one secret, a contact always has the same reference. The survey tool, its operator, and people
who see the link learn nothing about the contact, not even its id.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from pydantic import SecretStr

from connectors.sdk.webhook.signatures import decode_secret
from models.topics import Channel

PURPOSE: Final = b"accueil survey reference"
CONTACT: Final = re.compile(
    rf"(?:{'|'.join(channel for channel in Channel if channel is not Channel.FEEDBACK)}):[!-9;-~]+:[!-~]+"
)
"""Format of a contact id, `<channel>:<source>:<native id>`, except of contacts by `feedback`."""
LONGEST: Final = 200
"""Most characters of a contact id, as in the event models."""


class ContactReferences:
    """Makes references with the first of `secrets`, and reads references made with any of them."""

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        self._ciphers = [AESSIV(hashlib.sha512(PURPOSE + decode_secret(secret)).digest()) for secret in secrets]

    def make(self, contact: str) -> str:
        """Return the reference of a contact id: letters, digits, `-` and `_`.

        Raises `ValueError` for an invalid id, and for a contact by `feedback`.
        """
        if len(contact) > LONGEST or not CONTACT.fullmatch(contact):
            raise ValueError("not the id of a contact")
        sealed = self._ciphers[0].encrypt(contact.encode(), [PURPOSE])
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, reference: str) -> str:
        """Return the contact id in a reference. Raises `ValueError` if it was not made with any of the secrets, or changed."""
        sealed = urlsafe_b64decode(reference.encode("ascii") + b"=" * (-len(reference) % 4))
        for cipher in self._ciphers:
            with suppress(InvalidTag, ValueError):
                return cipher.decrypt(sealed, [PURPOSE]).decode()
        raise ValueError("forged")
