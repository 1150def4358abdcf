"""Texts of the board in French and English."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import re
from typing import Final

from streams.web.board.wall_texts import WALL_TEXTS

LANGUAGES: Final = ("fr", "en")
"""The first one is the default."""

_TEXTS: Final = {
    # the head
    "live_board": ("Tableau en direct", "Live board"),
    "other_language": ("English", "Français"),
    "to_table": ("Aller au tableau des files", "Go to the table of queues"),
    "light": ("Clair", "Light"),
    "dark": ("Sombre", "Dark"),
    "data_as_of": ("Chiffres à jour à", "Figures as of"),
    "last_event": ("Dernière donnée reçue :", "Last data received:"),
    "no_script": (
        "Ce tableau se met à jour par JavaScript. Les mêmes chiffres : /api/board et /metrics.",
        "This board is kept up to date by JavaScript. The same figures: /api/board and /metrics.",
    ),
    # states of the data
    "connecting": ("Connexion…", "Connecting…"),
    "live": ("En direct", "Live"),
    "partly_live": ("En direct en partie", "Partly live"),
    "stale": ("Données périmées", "Out-of-date data"),
    "catching_up": ("Lecture de l’historique", "Reading history"),
    "behind": ("on en est {when}", "{when}"),
    "last_figures": ("derniers chiffres {when}", "last figures {when}"),
    "at_time": ("à {time}, il y a {age}", "at {time}, {age} ago"),
    "at_date": ("au {date}, {time}", "at {date}, {time}"),
    "empty": ("En attente des premières données", "Waiting for the first data"),
    "why_connection": (
        "Ce tableau n’a plus de liaison avec son serveur ; il réessaie.",
        "This board has lost the connection to its server; it keeps trying.",
    ),
    "why_crowded": (
        "Trop de tableaux sont ouverts : celui-ci attend qu’un autre se ferme (web.max_viewers, ou limit_conn du relais).",
        "Too many boards are open: this one waits for another to close (web.max_viewers, or the proxy’s limit_conn).",
    ),
    "why_no_broker": ("Kafka ne répond pas.", "Kafka does not answer."),
    "why_refused": (
        "Kafka refuse l’identification ou un droit : voir le journal.",
        "Kafka refuses the login or a right: see the log.",
    ),
    "why_no_topic": (
        "Le topic des chiffres n’existe pas encore (accueil topics apply).",
        "The topic of figures does not exist yet (accueil topics apply).",
    ),
    "why_loading": ("Lecture des chiffres déjà écrits…", "Reading the existing figures…"),
    "why_no_figures": (
        "Le service de calcul n’a pas encore écrit tous ses chiffres (accueil worker).",
        "The worker has not written all of its figures yet (accueil worker).",
    ),
    "why_catching_up": (
        "Un connecteur lit un journal ancien, ou le service de calcul rattrape son retard : la suite n’est pas encore comptée.",
        "A connector is reading an old log, or the worker is catching up: later events are not counted yet.",
    ),
    "why_silent": (
        "Le service de calcul n’écrit plus (accueil worker).",
        "The worker has stopped writing (accueil worker).",
    ),
    # channels whose history is being read
    "incomplete": (
        "Chiffres encore incomplets, car l’historique est en cours de lecture : {channels}.",
        "Figures not complete yet, because history is still being read: {channels}.",
    ),
    # a source that may have stopped
    "no_call_since": ("Aucun appel depuis {time}.", "No call since {time}."),
    "no_call_today": ("Aucun appel aujourd’hui.", "No call today."),
    "at_site": ("{site} : {words}", "{site}: {words}"),
    "why_no_call": (
        "Si le service est ouvert, le standard n’est peut-être plus lu : prévenir l’administrateur d’Accueil (accueil connect).",
        "If the service is open, the switchboard may no longer be read: tell the administrator of Accueil (accueil connect).",
    ),
    "no_visit_since": ("Aucune visite depuis {time}.", "No visit since {time}."),
    "no_visit_today": ("Aucune visite aujourd’hui.", "No visit today."),
    "no_mail_since": ("Aucun courrier depuis {time}.", "No letter since {time}."),
    "no_mail_today": ("Aucun courrier aujourd’hui.", "No letter today."),
    "no_email_since": ("Aucun courriel depuis {time}.", "No e-mail since {time}."),
    "no_email_today": ("Aucun courriel aujourd’hui.", "No e-mail today."),
    "no_form_since": ("Aucune démarche en ligne depuis {time}.", "No online procedure since {time}."),
    "no_form_today": ("Aucune démarche en ligne aujourd’hui.", "No online procedure today."),
    "no_appointment_since": ("Aucun rendez-vous pris depuis {time}.", "No appointment booked since {time}."),
    "no_appointment_today": ("Aucun rendez-vous pris aujourd’hui.", "No appointment booked today."),
    "no_feedback_since": ("Aucun avis demandé depuis {time}.", "No opinion asked for since {time}."),
    "no_feedback_today": ("Aucun avis demandé aujourd’hui.", "No opinion asked for today."),
    "why_nobody": (
        "Si le service est ouvert, la source n’est peut-être plus lue : prévenir l’administrateur d’Accueil (accueil connect).",
        "If the service is open, the source may no longer be read: tell the administrator of Accueil (accueil connect).",
    ),
    # channels
    "channel_call": ("Téléphone", "Telephone"),
    "channel_visit": ("Guichets", "Front desks"),
    "channel_mail": ("Courrier", "Letters"),
    "channel_email": ("Courriels", "E-mails"),
    "channel_form": ("Démarches en ligne", "Online procedures"),
    "channel_appointment": ("Rendez-vous", "Appointments"),
    "channel_feedback": ("Avis du jour", "Opinions today"),
    # tiles
    "tiles": ("Chiffres de l’ensemble", "Figures of all queues"),
    "waiting": ("En attente", "Waiting"),
    "tile_waiting": ("Appels en attente", "Calls waiting"),
    "longest_wait": ("Attente la plus longue", "Longest wait"),
    "service_level": ("Niveau de service du jour", "Service level today"),
    "abandonment": ("Taux d’abandon", "Abandon rate"),
    "handled": ("Répondus aujourd’hui", "Answered today"),
    "agents_available": ("Agents disponibles", "Agents available"),
    "in_progress_now": ("{n} en cours", "{n} in progress"),
    "nobody_waits": ("personne n’attend", "nobody is waiting"),
    "not_available": ("non disponible pour l’instant", "not available just now"),
    "no_agent": ("Aucun agent", "No agent"),
    "no_agent_logged_in": ("aucun agent connecté", "no agent logged in"),
    "in_target": ("{numerator} sur {denominator} en {target} s", "{numerator} of {denominator} within {target} s"),
    "abandoned_of": ("{numerator} sur {denominator}", "{numerator} of {denominator}"),
    "short_apart": ("hors abandons en {limit} s ({short})", "excluding {short} within {limit} s"),
    "too_few": ("Trop peu d’appels", "Too few calls"),
    "no_call_yet": ("pas encore d’appel", "no call yet"),
    "no_visit_yet": ("pas encore de visite", "no visit yet"),
    "of_received": (
        "sur {received} reçus, autres sorties :\N{NO-BREAK SPACE}{left}",
        "of {received} received, {left} left otherwise",
    ),
    "agents_busy": ("{busy} en ligne, {paused} en pause", "{busy} on contact, {paused} paused"),
    # levels
    "normal": ("Normal", "Normal"),
    "attention": ("Attention", "Attention"),
    "action": ("Agir", "Act"),
    "idle": ("Au repos", "Idle"),
    "details": ("Détails : {name}", "Details: {name}"),
    # the table
    "queues": ("Files d’attente", "Queues"),
    "queue": ("File", "Queue"),
    "state": ("État", "State"),
    "now": ("Maintenant", "Now"),
    "today": ("Aujourd’hui", "Today"),
    "agents": ("Agents", "Agents"),
    "longest": ("La\u00a0plus longue", "Longest"),
    "in_progress": ("En cours", "In progress"),
    "available": ("Dispo.", "Available"),
    "on_contact": ("En ligne", "On contact"),
    "paused": ("En pause", "Paused"),
    "received": ("Reçus", "Received"),
    "answered": ("Répondus", "Answered"),
    "abandoned": ("Abandonnés", "Abandoned"),
    "abandoned_of_short": (
        "dont {short} en {limit} s ou moins, hors du taux",
        "{short} of them within {limit} s, not counted in the rate",
    ),
    "left": ("Autres sorties", "Left otherwise"),
    "level_short": ("Niveau de service", "Service level"),
    "level_recent": ("30 dernières min", "Last 30 min"),
    "mean_wait": ("Attente moyenne", "Mean wait"),
    "mean_handle": ("Durée moyenne", "Mean handle time"),
    "state_rule": (
        "État : la plus pressante des marques de la ligne, ou « Aucun agent » ; fermée, celle de qui attend encore.",
        "State: the most pressing mark of the row, or “No agent”; once closed, only marks of contacts that still wait.",
    ),
    "no_agent_rule": (
        "Aucun agent : quelqu’un attend, et aucun agent n’est disponible ni en ligne.",
        "No agent: contacts wait, and no agent is available or on contact.",
    ),
    "share_rule": (
        "Les taux de moins de {n} appels sont gris, sans marque.",
        "Rates of fewer than {n} calls are grey, without a mark.",
    ),
    "sum_rule": (
        "Reçus = répondus + abandonnés (courts compris) + autres sorties (file pleine, fermée, renvoi…) + en attente.",
        "Received = answered + abandoned (short ones too) + left otherwise (queue full, closed, diverted, timed out…) + waiting.",
    ),
    "marks": ("▲ attention, ■ agir.", "▲ attention, ■ act."),
    "from": ("▲ à partir de {attention}, ■ à partir de {action}", "▲ from {attention}, ■ from {action}"),
    "below": ("▲ sous {attention}, ■ sous {action}", "▲ below {attention}, ■ below {action}"),
    "sample": ("{numerator} sur {denominator}", "{numerator} of {denominator}"),
    "small_sample_call": ("{sample} : trop peu d’appels pour une marque", "{sample}: too few calls for a mark"),
    "small_sample_visit": ("{sample} : trop peu de visites pour une marque", "{sample}: too few visits for a mark"),
    "no_name": ("Sans nom", "No name"),
    "agents_unknown": ("aucune source ne donne l’état des agents du guichet", "no source reports agents at the desk"),
    "no_queues": (
        "Aucune file : elles apparaissent avec leur premier appel, ou dès qu’elles sont configurées.",
        "No queue: queues appear with their first call, or as soon as they are configured.",
    ),
    # services
    "services": ("Services", "Services"),
    "service": ("Service", "Service"),
    "all_services": ("Ensemble", "All"),
    "no_service": ("Sans service", "No service yet"),
    "closed": ("Traités", "Done"),
    "to_do": ("À traiter", "To do"),
    "pending_citizen": ("Chez l’usager", "With citizen"),
    "oldest": ("Plus ancien", "Oldest"),
    "first_response": ("1re réponse", "1st resp."),
    "mean_of": ("moyenne de {n}", "mean of {n}"),
    "booked": ("Pris", "Booked"),
    "attended": ("Honorés", "Attended"),
    "missed": ("Manqués", "Missed"),
    "cancelled": ("Annulés", "Cancelled"),
    "cancelled_by": (
        "par l’usager : {citizen}, par le service : {service}",
        "by the citizen: {citizen}, by the service: {service}",
    ),
    "upcoming": ("À venir", "To come"),
    "given": ("Réponses", "Answers"),
    "response": ("Taux", "Rate"),
    "answered_of_invited": (
        "{numerator} ont répondu, sur {denominator} invités",
        "{numerator} answered, of {denominator} invited",
    ),
    "few_invited": ("trop peu d’invités pour un taux : {denominator}", "too few invited for a rate: {denominator}"),
    "never_invited": ("personne n’est invité à répondre", "nobody is invited to answer"),
    "scale_csat_1_5": ("Satisfaits", "Satisfied"),
    "scale_ces_1_5": ("Facilité, sur\N{NO-BREAK SPACE}5", "Ease, of\N{NO-BREAK SPACE}5"),
    "scale_ces_1_7": ("Facilité, sur\N{NO-BREAK SPACE}7", "Ease, of\N{NO-BREAK SPACE}7"),
    "scale_nps_0_10": ("NPS", "NPS"),
    "scale_jdma_0_10": ("JDMA, sur\N{NO-BREAK SPACE}10", "JDMA, of\N{NO-BREAK SPACE}10"),
    "few_answers": ("trop peu de réponses pour une note : {n}", "too few answers for a score: {n}"),
    "services_rule": (
        (
            "Reçus, traités, pris, honorés, manqués, annulés : aujourd’hui. Les autres : en ce moment. Plus ancien : reçu il y a"
            " tant, et le service doit agir. 1re réponse : délai moyen de celles du jour, nuits et week-ends compris."
        ),
        (
            "Received, done, booked, attended, missed, cancelled: today. The others: right now. Oldest: time since receipt,"
            " while the service has to act. 1st resp.: mean time to the first responses of today, nights and weekends included."
        ),
    ),
    "opinions_rule": (
        (
            "Satisfaits : notes 4 et 5. NPS : part des 9 et 10, moins celle des 0 à 6. Entre parenthèses : nombre de réponses ;"
            " à moins de {n}, pas de note. Taux : qui a répondu aujourd’hui ÷ qui fut invité aujourd’hui, là où l’on"
            " invite ; à moins de {n} invités, pas de taux ; au-delà de 100 % si l’on répond à des invitations d’avant."
        ),
        (
            "Satisfied: scores 4 and 5. NPS: share of 9 and 10, minus that of 0 to 6. In brackets: number of answers; of fewer"
            " than {n}, no score. Rate: citizens who answered today ÷ citizens invited today, where invitations are used; of"
            " fewer than {n} invited, no rate; above 100% if earlier invitations are answered."
        ),
    ),
    # promises
    "promises": ("Délais promis", "Promises"),
    "promise": ("Délai", "Promise"),
    "promise_of": ("{channel} – {clock}", "{channel} – {clock}"),
    "short_form": ("Démarches", "Procedures"),
    "clock_answer": ("Réponse", "Answer"),
    "clock_acknowledge": ("Accusé de réception", "Acknowledgement"),
    "clock_first_response": ("Première réponse", "First response"),
    "clock_announced": ("Délai annoncé", "Announced delay"),
    "clock_resolution": ("Traitement", "Resolution"),
    "running": ("Dans les temps", "On time"),
    "at_risk": ("À risque", "At risk"),
    "overdue": ("En retard", "Overdue"),
    "longest_overdue": ("Plus long retard", "Longest overdue"),
    "kept": ("Part tenue", "Share kept"),
    "kept_of": ("{numerator} tenus sur {denominator} aujourd’hui.", "{numerator} of {denominator} kept today."),
    "objective": ("Objectif : {share}.", "Objective: {share}."),
    "number": ("Nombre", "Number"),
    "deadline": ("Échéance", "Deadline"),
    "working": ("Temps ouvré", "Working time"),
    "late_heading": ("En retard, le plus long d’abord", "Overdue, the longest first"),
    "more_late": ("et {n} de plus, contacts : {contacts}", "and {n} more, contacts: {contacts}"),
    "due_heading": ("Prochaines échéances", "Next deadlines"),
    "late": ("en retard", "late"),
    "late_by": ("en retard de {time}", "late by {time}"),
    "at_risk_left": ("à risque, reste {time}", "at risk, {time} left"),
    "time_left": ("reste {time}", "{time} left"),
    "due_now": ("échéance dans les 5 minutes", "due within 5 minutes"),
    "due_on": ("fin de journée, {date}", "end of the day, {date}"),
    "due_at": ("{date}, {time}", "{date}, {time}"),
    "due_from": ("{date}, dès {time}", "{date}, from {time} on"),
    "working_day": ("{n} j ouvré", "{n} working day"),
    "working_days": ("{n} j ouvrés", "{n} working days"),
    "working_time": ("{time} ouvrée", "{time} of opening"),
    "working_times": ("{time} ouvrées", "{time} of opening"),
    "open": ("Ouvert", "Open"),
    "open_until_time": ("Ouvert jusqu’à {time}", "Open until {time}"),
    "open_until_date": ("Ouvert jusqu’au {date} à {time}", "Open until {date}, {time}"),
    "shut": ("Fermé", "Closed"),
    "still_waiting": ("{n} en attente", "{n} waiting"),
    "still_in_progress": ("{n} en cours", "{n} in progress"),
    "shut_until_time": ("Fermé, ouvre à {time}", "Closed, opens at {time}"),
    "shut_until_date": ("Fermé, ouvre {date} à {time}", "Closed, opens {date}, {time}"),
    "promises_rule": (
        (
            "Dans les temps, à risque, en retard, en pause (l’usager doit agir) : en ce moment. Part tenue : délais"
            " tenus ÷ délais tenus ou dépassés, aujourd’hui ; ▲ sous l’objectif."
        ),
        (
            "On time, at risk, overdue, paused (the citizen has to act): right now. Share kept: promises kept ÷ promises kept or"
            " broken, today; ▲ below the objective."
        ),
    ),
    "deadlines_rule": (
        (
            "Temps ouvré : heures et jours d’ouverture, selon le calendrier du délai. Échéances : à 5 minutes près, et dès demain"
            " celles d’un jour ensemble, à la première ; appels et visites se lisent dans leurs files."
        ),
        (
            "Working time: hours and days of opening, by the calendar of the promise. Deadlines: to within 5 minutes; from"
            " tomorrow on, those of a day are one line, at its first deadline. Calls and visits are in their queues."
        ),
    ),
    # the chart
    "chart": ("Appels du jour, par 5 minutes", "Calls today, per 5 minutes"),
    "chart_summary": (
        "Courbe du jour : {received} reçus, {answered} répondus, {abandoned} abandonnés.",
        "Today’s curve: {received} received, {answered} answered, {abandoned} abandoned.",
    ),
    "chart_at": ("à {time}", "at {time}"),
    "chart_under_way": ("depuis {time}, en cours", "since {time}, under way"),
    "under_way": ("en cours", "under way"),
    "chart_today": ("aujourd’hui", "today"),
    # the foot: one name and one formula per `Formula`
    "name_answered_share": ("des répondus", "of answered"),
    "name_removed_share": ("abandons rapides compris", "quick abandons included"),
    "name_offered_share": ("de tous les reçus", "of all received"),
    "name_net_of_short": ("hors abandons courts", "without short abandons"),
    "formula_answered_share": (
        "Niveau de service : répondus en {target} s ou moins ÷ répondus.",
        "Service level: answered within {target} s ÷ answered.",
    ),
    "formula_removed_share": (
        "Niveau de service : (répondus + abandonnés) en {target} s ou moins ÷ (répondus + abandonnés).",
        "Service level: (answered + abandoned) within {target} s ÷ (answered + abandoned).",
    ),
    "formula_offered_share": (
        "Niveau de service : répondus en {target} s ou moins ÷ (répondus + abandonnés + autres sorties).",
        "Service level: answered within {target} s ÷ (answered + abandoned + left otherwise).",
    ),
    "formula_net_of_short": (
        "Niveau de service : répondus en {target} s ou moins ÷ (répondus + abandonnés après plus de {limit} s).",
        "Service level: answered within {target} s ÷ (answered + abandoned after more than {limit} s).",
    ),
    "desk_target": ("Aux guichets : en {target} ou moins.", "At front desks: within {target}."),
    "abandonment_formula": (
        "Taux d’abandon : abandonnés après plus de {limit} s ÷ (répondus + ces abandonnés).",
        "Abandon rate: abandoned after more than {limit} s ÷ (answered + those abandoned).",
    ),
    "definitions": ("Comment ces chiffres sont définis", "How these figures are defined"),
    "sources": ("Les mêmes chiffres :", "The same figures:"),
}

_NO_BREAK: Final = re.compile(r" (?=[:;?!÷%»]|s(?![\w’]))|(?<=«) ")
"""Spaces that must not break: before double punctuation marks (Imprimerie nationale) and the unit of seconds."""

TEXTS: Final = {
    language: {name: _NO_BREAK.sub("\N{NO-BREAK SPACE}", words[index]) for name, words in (_TEXTS | WALL_TEXTS).items()}
    for index, language in enumerate(LANGUAGES)
}
