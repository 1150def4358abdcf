"""References: what the link to a survey carries, so that an answer finds the contact it is about.

A reference is the contact's id, encrypted and authenticated (AES-SIV, RFC 5297): who does not have the secret can neither read
nor make nor change one, and the same contact always has the same. So the survey tool, its operator, and whoever sees the link
learn nothing of the contact, not even its number.
"""

import binascii
import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
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
"""What a contact's id looks like: `<channel>:<source>:<native id>`."""
LONGEST: Final = 200
"""As events have it."""


class ForgedReferenceError(Exception):
    """A reference was not made with any of the secrets, or was changed."""


class ContactReferences:
    """Makes references with the first of `secrets`, and reads those made with any of them."""

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        self._ciphers = [AESSIV(hashlib.sha512(PURPOSE + decode_secret(secret)).digest()) for secret in secrets]

    def make(self, contact: str) -> str:
        """Return the reference of a contact, given its id: letters, digits, `-` and `_`. Raises `ValueError` for no such id."""
        if len(contact) > LONGEST or not CONTACT.fullmatch(contact):
            raise ValueError("not the id of a contact")
        sealed = self._ciphers[0].encrypt(contact.encode(), [PURPOSE])
        return urlsafe_b64encode(sealed).decode().rstrip("=")

    def read(self, reference: str) -> str:
        """Return the id of the contact whose reference this is. Raises `ForgedError`."""
        try:
            sealed = urlsafe_b64decode(reference.encode("ascii") + b"=" * (-len(reference) % 4))
        except (ValueError, binascii.Error):
            raise ForgedReferenceError from None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, [PURPOSE]).decode()
            except (InvalidTag, ValueError):
                continue
        raise ForgedReferenceError
