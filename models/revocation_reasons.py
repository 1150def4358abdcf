"""Closed list of reasons for which an agent revokes the link between two identities."""

from enum import StrEnum


class RevocationReason(StrEnum):
    """Reason for the revocation of an identity link. Free text is not allowed, as it would contain names."""

    SHARED = "shared"
    """Several people use the identity: a family, a social worker, a neighbour who helps."""
    MISTAKEN = "mistaken"
    """The identity was dictated or typed wrongly."""
    REASSIGNED = "reassigned"
    """The identity now belongs to another person."""
    REQUESTED = "requested"
    """The citizen asked for the revocation."""
