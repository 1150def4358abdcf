"""Mapping of facts about dossiers to events.

Corrections are read from the messages that request them. The steps of similar names are ignored, because they record any change
to a submitted dossier, requested or not.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from connectors.demarches.config import DemarchesConfig, Procedure
from connectors.demarches.dossier_facts import DossierFact, Message, decode
from connectors.sdk.contract import Outcome, Reject
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
from models.locale import _
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
    """Map facts to events; each fact is mapped on its own."""

    def __init__(self, source: str, config: DemarchesConfig, pseudonym_key: Callable[[str], PseudonymKey]) -> None:
        self._source = source
        self._config = config
        self._key = pseudonym_key(config.sector)
        self._keys = {
            number: pseudonym_key(procedure.sector or config.sector) for number, procedure in config.procedures.items()
        }

    def map(self, raw: bytes) -> Outcome:
        """Return the events of a fact, none for an ignored step, or its rejection. Never raises."""
        try:
            fact = decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return Reject(Reason.UNREADABLE_LINE, raw, str(error) if isinstance(error, msgspec.DecodeError) else "")
        procedure = self._config.procedures.get(fact.procedure)
        if procedure is None:
            return Reject(Reason.UNKNOWN_RECORD, raw, _("the procedure is not configured"))
        events = self._events(fact, procedure)
        if events is None:
            return Reject(Reason.UNKNOWN_RECORD, raw, _("unknown kind of step"))
        return events

    def _events(self, fact: DossierFact, procedure: Procedure) -> Sequence[Event] | None:
        """Return the events of a fact, none for an ignored step; None for an unknown step or a fact without content."""
        number = number_for(fact.number, self._key)
        attributes: _Envelope = {
            "source": self._source,
            "subject": contact_id(Channel.FORM, self._source, number),
            "recordedtime": fact.read_at,
            "sector": procedure.sector or self._config.sector,
            "site": procedure.site or self._config.site,
            "service": procedure.service or self._config.service,
        }
        if (deleted_at := fact.date_supression) is not None:
            native = f"dossier|{number}|{deleted_at.timestamp():.0f}"
            return (PersonalDataErased(**attributes, id=self._id(native), time=deleted_at, channel=Channel.FORM),)
        attributes["identities"] = self._identities(fact)
        if (message := fact.message) is not None:
            return self._correction_events(message, attributes)
        if (step := fact.traitement) is not None:
            attributes |= {"id": self._id(f"traitement|{step.id}"), "time": step.date_traitement}
            return _step_events(step.event, attributes, procedure.label or str(fact.procedure))
        return None

    def _correction_events(self, message: Message, attributes: _Envelope) -> Sequence[Event]:
        requested = FormCorrectionRequested(**attributes, id=self._id(f"message|{message.id}"), time=message.created_at)
        ended_at = message.correction.date_resolution or message.discarded_at
        if ended_at is None:
            return (requested,)
        return (requested, FormCorrected(**attributes, id=self._id(f"message|{message.id}|over"), time=ended_at))

    def _id(self, native: str) -> str:
        return event_id(self._source, native)

    def _identities(self, fact: DossierFact) -> str:
        """Return the pseudonyms of the dossier and the valid e-mail addresses of applicant and account holder, joined by spaces.

        The account holder is left out if a third party applies for the applicant.
        """
        key = self._keys[fact.procedure]
        identities = [key.pseudonym(IdentityKind.DOSSIER, str(fact.number))]
        people = (fact.demandeur,) if fact.depose_par_un_tiers else (fact.demandeur, fact.usager)
        addresses = [normalise_email(person.email) for person in people if person and person.email]
        identities += dict.fromkeys(key.pseudonym(IdentityKind.EMAIL, address) for address in addresses if address)
        return join(identities)


def _step_events(kind: str, attributes: _Envelope, procedure: str) -> Sequence[Event] | None:
    if kind == SUBMITTED:
        return (FormSubmitted(**attributes, data=FormSubmittedData(procedure=procedure)),)
    if kind in TAKEN_UP:
        return (FormTakenUp(**attributes),)
    if decision := DECIDED.get(kind):
        return (FormDecided(**attributes, data=FormDecidedData(decision=decision)),)
    return () if kind in IGNORED else None
