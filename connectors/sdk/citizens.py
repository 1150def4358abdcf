"""Who a contact is of, as pseudonyms: the only form in which that leaves a connector."""

from models.identities import IdentityKind, PseudonymKey, normalise_email, normalise_phone


def identify(key: PseudonymKey, *, case: str = "", email: str = "", phone: str = "", region: str = "FR") -> str:
    """Return the `identities` of one citizen: pseudonyms of what is known, the strongest first; empty if nothing is.

    Each value is as it was written, empty if not known; what has not the form of an address or a number is passed over.
    `region` is the country whose national way of writing numbers is meant.
    """
    known = (
        (IdentityKind.CASE, case.strip()),
        (IdentityKind.EMAIL, normalise_email(email)),
        (IdentityKind.PHONE, normalise_phone(phone, region)),
    )
    return " ".join(key.pseudonym(kind, value) for kind, value in known if value)
