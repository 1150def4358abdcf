"""Why a link between two identities does not hold: for the timelines, and for the audit of who said so."""

from enum import StrEnum


class RevocationReason(StrEnum):
    """Why a link does not hold. A closed list: a free text would hold names."""

    SHARED = "shared"
    """Several people use it: a family, a social worker, a neighbour who helps."""
    MISTAKEN = "mistaken"
    """It was told or typed wrongly."""
    REASSIGNED = "reassigned"
    """It is somebody else's by now."""
    REQUESTED = "requested"
    """The citizen asked for it."""
