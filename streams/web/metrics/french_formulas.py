"""French versions of the formulas in `descriptions` and in the tables of the other processes."""
# ruff: noqa: RUF001 - French has typographic apostrophes

from collections.abc import Mapping
from typing import Final

_SINCE: Final = "t(letter.arrived.admitted_at, ou le premier de letter.arrived, email.received, form.submitted)"
_SINCE_EN: Final = "t(letter.arrived.admitted_at, or the earliest of letter.arrived, email.received, form.submitted)"

FRENCH_FORMULAS: Final[Mapping[str, str]] = {
    "stays in a queue (call.queued, visit.arrived, or what follows) + letter.arrived + email.received +"
    " form.submitted + appointment.booked, each contact once": (
        "passages en file (call.queued, visit.arrived, ou la suite) + letter.arrived + email.received +"
        " form.submitted + appointment.booked, chaque contact une fois"
    ),
    "call.answered + visit.called (without visit.left after it) + the first of letter.answered,"
    " email.answered, form.decided, form.correction_requested": (
        "call.answered + visit.called (sans visit.left ensuite) + le premier de letter.answered,"
        " email.answered, form.decided, form.correction_requested"
    ),
    "received − closed, by the state after the latest event": "arrivés − clos, par état après le dernier événement",
    "min t(arrival) of state waiting; for letters, e-mails and forms also in_progress": (
        "min t(arrivée) de l’état waiting ; pour courriers, courriels et formulaires aussi in_progress"
    ),
    "true count = counter − contact_corrected_total of the same fact": (
        "compte vrai = compteur − contact_corrected_total du même fait"
    ),
    "facts of the civil day, without those corrected later": "faits du jour civil, sans ceux corrigés ensuite",
    "number of facts of today with this duration": "nombre de faits du jour qui ont cette durée",
    "Σ duration of the facts of today": "Σ durée des faits du jour",
    "call.transferred, data.to_queue; if a call reports several: the latest known queue": (
        "call.transferred, data.to_queue ; s’il y en a plusieurs pour un appel : la dernière file connue"
    ),
    'call.abandoned + visit.left; short="true": wait ≤ web.short_abandon_seconds': (
        'call.abandoned + visit.left ; short="true" : attente ≤ web.short_abandon_seconds'
    ),
    "call.left_queue by reason; forgotten: no end reported within worker.forget_*_after_seconds": (
        "call.left_queue par raison ; forgotten : aucune fin connue après worker.forget_*_after_seconds"
    ),
    "answered_share, offered_share, net_of_short: answered with wait ≤ T; removed_share: + abandoned with wait ≤ T": (
        "answered_share, offered_share, net_of_short : répondus avec attente ≤ T ; removed_share : +"
        " abandons avec attente ≤ T"
    ),
    "answered_share: answered; removed_share: answered + abandoned; offered_share: answered + abandoned"
    " + left; net_of_short: answered + abandoned with wait > web.short_abandon_seconds": (
        "answered_share : répondus ; removed_share : répondus + abandons ; offered_share : répondus +"
        " abandons + autres sorties ; net_of_short : répondus + abandons avec attente >"
        " web.short_abandon_seconds"
    ),
    "as contact_service_level_numerator_total, of the civil day": (
        "comme contact_service_level_numerator_total, du jour civil"
    ),
    "as contact_service_level_denominator_total, of the civil day": (
        "comme contact_service_level_denominator_total, du jour civil"
    ),
    "wait_seconds of the source, else t(answered) − t(queued)": (
        "wait_seconds de la source, sinon t(réponse) − t(mise en file)"
    ),
    "wait_seconds of the source, else t(abandoned) − t(queued)": (
        "wait_seconds de la source, sinon t(abandon) − t(mise en file)"
    ),
    "handle_seconds of the source, else t(call.ended, call.transferred or visit.served) − t(answered)": (
        "handle_seconds de la source, sinon t(call.ended, call.transferred ou visit.served) − t(réponse)"
    ),
    "latest agent.state_changed of each agent": "dernier agent.state_changed de chaque agent",
    "by the event that sets the state: letter.answered, letter.closed, email.answered, form.decided": (
        "selon l’événement qui fixe l’état : letter.answered, letter.closed, email.answered, form.decided"
    ),
    "letter.sent by postage": "letter.sent par affranchissement",
    "Σ letter.sent.cost_cents / 100, by postage": "Σ letter.sent.cost_cents / 100, par affranchissement",
    "as contact_corrected_total": "comme contact_corrected_total",
    "a state other than closed after it was closed: letter.assigned, email.received, form.corrected …": (
        "un état autre que clos après une clôture : letter.assigned, email.received, form.corrected …"
    ),
    "t(letter.arrived) − letter.arrived.admitted_at, where the latter is earlier": (
        "t(letter.arrived) − letter.arrived.admitted_at, là où celui-ci précède"
    ),
    "lt_1d: received today; each band excludes the earlier ones": (
        "lt_1d : reçus aujourd’hui ; chaque tranche sans les précédentes"
    ),
    "opening hours of the calendar from receipt to the response, pauses included; clocks first_response met or late": (
        "heures d’ouverture du calendrier de la réception à la réponse, pauses comprises ; horloges first_response"
        " tenues à temps ou non"
    ),
    "as contact_first_response_business_seconds, for clock resolution": (
        "comme contact_first_response_business_seconds, pour resolution"
    ),
    f"t(letter.registered) − {_SINCE_EN}": f"t(letter.registered) − {_SINCE}",
    f"t(letter.assigned or form.taken_up) − {_SINCE_EN}": f"t(letter.assigned ou form.taken_up) − {_SINCE}",
    f"t(letter.acknowledged or email.acknowledged) − {_SINCE_EN}": (
        f"t(letter.acknowledged ou email.acknowledged) − {_SINCE}"
    ),
    f"t(first of letter.answered, email.answered, form.decided, form.correction_requested) − {_SINCE_EN}": (
        f"t(premier de letter.answered, email.answered, form.decided, form.correction_requested) − {_SINCE}"
    ),
    f"t(the event that closed it) − {_SINCE_EN}": f"t(l’événement qui l’a clos) − {_SINCE}",
    "appointment.attended, appointment.missed (no-show), appointment.cancelled by citizen or service:"
    " the latest counts": (
        "appointment.attended, appointment.missed (absence), appointment.cancelled par l’usager ou le"
        " service : le dernier compte"
    ),
    "appointment.booked by `by`": "appointment.booked selon `by`",
    "appointment.moved, each once": "appointment.moved, chacun une fois",
    "starts_at − t(appointment.booked), of the first booking": (
        "starts_at − t(appointment.booked), de la première réservation"
    ),
    'last feedback.given of a contact on csat_1_5; le="3.0": not satisfied': (
        'dernier feedback.given d’un contact sur csat_1_5 ; le="3.0" : non satisfaits'
    ),
    'last feedback.given of a contact on nps_0_10; detractors le="6.0", promoters above le="8.0"': (
        'dernier feedback.given d’un contact sur nps_0_10 ; détracteurs le="6.0", promoteurs au-delà de le="8.0"'
    ),
    "last feedback.given of a contact on ces_1_5 or ces_1_7: no standard, so the variant is named": (
        "dernier feedback.given d’un contact sur ces_1_5 ou ces_1_7 : pas de norme, donc la variante est nommée"
    ),
    'last feedback.given of a contact on jdma_0_10; above le="7.0": 8 and more': (
        'dernier feedback.given d’un contact sur jdma_0_10 ; au-delà de le="7.0" : 8 et plus'
    ),
    "answers on the scale in the window; for response: invitations": (
        "avis de l’échelle dans la période ; pour response : invitations"
    ),
    "csat: 4–5 of 5; ces_1_5: 4–5; ces_1_7: 5–7; jdma: 8–10; nps: share of 9–10 − share of 0–6;"
    " response: invited and answered / invited": (
        "csat : 4–5 sur 5 ; ces_1_5 : 4–5 ; ces_1_7 : 5–7 ; jdma : 8–10 ; nps : part de 9–10 − part de 0–6 ;"
        " response : invités ayant répondu / invités"
    ),
    "Wilson score interval, z = 1.95996; for nps: of (nps + 1) / 2, wider than necessary": (
        "intervalle de Wilson, z = 1,95996 ; pour nps : de (nps + 1) / 2, plus large que nécessaire"
    ),
    "as contact_satisfaction_lower_ratio": "comme contact_satisfaction_lower_ratio",
    "promise_missed: a deadline of the contact passed; promise_kept: none passed, one was met; wait_*: longest wait"
    " in a queue": (
        "promise_missed : une échéance du contact est passée ; promise_kept : aucune n’est passée, une a été tenue ;"
        " wait_* : plus longue attente en file"
    ),
    "clocks started; policy and clock are those of the SLA file": (
        "horloges démarrées ; policy et clock sont du fichier de délais"
    ),
    "met: done by the deadline; breached: not done at the deadline; cancelled: not needed any more before the"
    " deadline": (
        "met : fait avant l’échéance ; breached : pas fait à l’échéance ; cancelled : sans objet avant l’échéance"
    ),
    "done after the deadline; each counts as breached too": "fait après l’échéance ; chacune compte aussi comme breached",
    "open clocks by state": "horloges ouvertes, par état",
    "min deadline of open clocks that are overdue": "min échéance des horloges ouvertes en retard",
    "open clocks with deadline ≤ now + horizon": "horloges ouvertes dont l’échéance ≤ maintenant + horizon",
    "objective of the SLA file": "objective du fichier de délais",
    "target of the SLA file, of units opening_hours and elapsed": (
        "target du fichier de délais, d’unité opening_hours ou elapsed"
    ),
    "the SLA file, as of now": "le fichier de délais, à cet instant",
    "openings, holidays and closures of the calendar": "ouvertures, jours fériés et fermetures du calendrier",
    "next change of the calendar": "prochain changement du calendrier",
    "calendar of the first policy that matches": "calendrier de la première règle qui convient",
    "opening hours of that calendar from contact_oldest_item_timestamp_seconds to now": (
        "heures d’ouverture de ce calendrier de contact_oldest_item_timestamp_seconds à maintenant"
    ),
    "fingerprint of the SLA file in the worker = fingerprint here": (
        "empreinte du fichier de délais dans le worker = empreinte ici"
    ),
    "ok: counted; duplicate: received before; dead: dead letters": (
        "ok : comptés ; duplicate : déjà reçus ; dead : lettres mortes"
    ),
    "records of contact.deadletter.v1": "enregistrements de contact.deadletter.v1",
    "step_at of each partition": "step_at de chaque partition",
    "Kafka's time of the latest row": "heure de Kafka de la dernière ligne",
    "max t(event) counted": "max t(événement) compté",
    "event time of the slowest partition": "heure des événements de la partition la plus lente",
    "partitions of accueil.figures.v1": "partitions d’accueil.figures.v1",
    "rows that could not be decoded": "lignes qui n’ont pu être décodées",
    "time to collect the metrics, without writing them": "temps de collecte, sans l’écriture",
    "last reading of the SLA file": "dernière lecture du fichier de délais",
    "distinct pseudonyms with a contact begun": "pseudonymes distincts ayant commencé un contact",
    "contacts begun by reason; avoidable: all reasons but abandoned and other": (
        "contacts commencés par raison ; évitables : toutes sauf abandoned et other"
    ),
    "channel of the previous contact; none: no recent one": (
        "canal du contact précédent ; none : pas de contact récent"
    ),
    "contacts begun without a pseudonym": "contacts commencés sans pseudonyme",
    "recontact: another contact with the service within contact_citizen_recontact_days": (
        "recontact : un autre contact avec le service dans les contact_citizen_recontact_days"
    ),
    "handled − those whose recontact window is over": "traités − ceux dont la suite est connue",
    "see README.md": "voir README.fr.md",
    "midnight of its first day": "minuit de son premier jour",
    "records of committed steps": "enregistrements des transactions validées",
    "records rejected": "enregistrements rejetés",
    "steps with records, or ticks": "transactions avec enregistrements (records), ou du temps seul (tick)",
    "records per step": "enregistrements d’une transaction",
    "t(committed) − t(begun)": "t(validation) − t(début)",
    "t(committed) − Kafka's time of the first record of a batch": (
        "t(validation) − heure de Kafka du premier enregistrement d’un lot"
    ),
    "t(first delivery) − t(assigned)": "t(première livraison) − t(attribution)",
    "gaps between the offsets of deliveries": "trous entre les offsets des livraisons",
    "assignments of the consumer group": "attributions du groupe de consommateurs",
    "recovered partition tasks": "partitions relues",
    "Σ end offset − committed offset": "Σ offset de fin − offset validé",
    "events acknowledged": "événements confirmés",
    "records read": "enregistrements lus",
    "records without events": "enregistrements sans événement",
    "rejects by reason": "rejets par raison",
    "rejects of answers and ends": "rejets de réponses et de fins",
    "rejects dropped": "rejets abandonnés",
    "outages": "coupures",
    "max t(event)": "max t(événement)",
    "t(last successful reading)": "t(dernière lecture réussie)",
    "findings of the reconciliation": "constats du rapprochement",
    "t(last complete reconciliation)": "t(dernier rapprochement)",
    "requests by HTTP status": "requêtes par statut HTTP",
    "bytes on disk": "octets sur disque",
    "events on disk": "événements sur disque",
    "settings of connect": "réglages de connect",
}
"""English formula → French one; formulas of only names and signs are the same in both languages."""
