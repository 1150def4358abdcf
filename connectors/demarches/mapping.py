"""What a fact about a dossier means.

A correction is told by the message that asks for it: the steps of the same name tell any change that a citizen or an agent makes
to what was submitted, asked for or not.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from connectors.demarches.config import DemarchesConfig, Procedure
from connectors.demarches.dossier_facts import DossierFact, Message, decode
from connectors.sdk.contract import Outcome, Reject
from connectors.sdk.i18n import say
from connectors.sdk.identifiers import number_for
from connectors.sdk.pseudonyms import join
from models.events import (
    Event,
    FormCorrected,
    FormCorrectionRequested,
    FormDecided,
    FormDecidedData,
    FormDecision,
    FormSubmitted,
    FormSubmittedData,
    FormTakenUp,
    PersonalDataErased,
)
from models.identities import IdentityKind, PseudonymKey, normalise_email
from models.ids import contact_id, event_id
from models.reasons import Reason
from models.topics import Channel

SUBMITTED: Final = "depose"
TAKEN_UP: Final = frozenset({"passe_en_instruction", "passe_en_instruction_automatiquement", "repasse_en_instruction"})
DECIDED: Final = {
    "accepte": FormDecision.ACCEPTED,
    "accepte_automatiquement": FormDecision.ACCEPTED,
    "refuse": FormDecision.REJECTED,
    "refuse_automatiquement": FormDecision.REJECTED,
    "classe_sans_suite": FormDecision.NO_ACTION,
}
_Envelope = dict[str, Any]
IGNORED: Final = frozenset({"depose_correction_usager", "depose_correction_instructeur", "repasse_en_construction"})


class DossierMapping:
    """Maps facts, each for itself."""

    def __init__(self, source: str, config: DemarchesConfig, pseudonym_key: Callable[[str], PseudonymKey]) -> None:
        self._source = source
        self._config = config
        self._key = pseudonym_key(config.sector)
        self._keys = {
            number: pseudonym_key(procedure.sector or config.sector) for number, procedure in config.procedures.items()
        }

    def map(self, raw: bytes) -> Outcome:
        """Return what a fact means, or why it means nothing; raises nothing."""
        try:
            fact = decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return Reject(Reason.UNREADABLE_LINE, raw, str(error) if isinstance(error, msgspec.DecodeError) else "")
        procedure = self._config.procedures.get(fact.procedure)
        if procedure is None:
            return Reject(
                Reason.UNKNOWN_RECORD,
                raw,
                say("its procedure is not configured", "sa démarche n'est pas dans la configuration"),
            )
        events = self._events(fact, procedure)
        if events is None:
            return Reject(Reason.UNKNOWN_RECORD, raw, say("a step of a kind not known", "une étape d'un genre inconnu"))
        return events

    def _events(self, fact: DossierFact, procedure: Procedure) -> Sequence[Event] | None:
        """Return what a fact tells; None if it is of no kind that is known."""
        number = number_for(fact.number, self._key)
        about: _Envelope = {
            "source": self._source,
            "subject": contact_id(Channel.FORM, self._source, number),
            "recordedtime": fact.read_at,
            "sector": procedure.sector or self._config.sector,
            "site": procedure.site or self._config.site,
            "service": procedure.service or self._config.service,
        }
        if (deleted_at := fact.date_supression) is not None:
            native = f"dossier|{number}|{deleted_at.timestamp():.0f}"
            return (PersonalDataErased(**about, id=self._id(native), time=deleted_at, channel=Channel.FORM),)
        about["identities"] = self._identities(fact)
        if (message := fact.message) is not None:
            return self._corrected(message, about)
        if (step := fact.traitement) is not None:
            about |= {"id": self._id(f"traitement|{step.id}"), "time": step.date_traitement}
            return _stepped(step.event, about, procedure.label or str(fact.procedure))
        return None

    def _corrected(self, message: Message, about: _Envelope) -> Sequence[Event]:
        asked = FormCorrectionRequested(**about, id=self._id(f"message|{message.id}"), time=message.created_at)
        over_at = message.correction.date_resolution or message.discarded_at
        if over_at is None:
            return (asked,)
        return (asked, FormCorrected(**about, id=self._id(f"message|{message.id}|over"), time=over_at))

    def _id(self, native: str) -> str:
        return event_id(self._source, native)

    def _identities(self, fact: DossierFact) -> str:
        """Return the pseudonyms of the dossier, and of whom it is for: not of a third party who fills in for many."""
        key = self._keys[fact.procedure]
        identities = [key.pseudonym(IdentityKind.DOSSIER, str(fact.number))]
        people = (fact.demandeur,) if fact.depose_par_un_tiers else (fact.demandeur, fact.usager)
        addresses = [normalise_email(person.email) for person in people if person and person.email]
        identities += dict.fromkeys(key.pseudonym(IdentityKind.EMAIL, one) for one in addresses if one)
        return join(identities)


def _stepped(kind: str, about: _Envelope, procedure: str) -> Sequence[Event] | None:
    if kind == SUBMITTED:
        return (FormSubmitted(**about, data=FormSubmittedData(procedure=procedure)),)
    if kind in TAKEN_UP:
        return (FormTakenUp(**about),)
    if decision := DECIDED.get(kind):
        return (FormDecided(**about, data=FormDecidedData(decision=decision)),)
    return () if kind in IGNORED else None
