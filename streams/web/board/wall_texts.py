"""Texts of the wall and of the explanations of figures, in French and English."""
# ruff: noqa: RUF001 - French has typographic apostrophes

from typing import Final

WALL_TEXTS: Final = {
    # the wall
    "wall": ("Écran mural", "Wall"),
    "back_to_board": ("Tableau", "Board"),
    "full_screen": ("Plein écran", "Full screen"),
    "pause": ("Pause", "Pause"),
    "go_on": ("Reprendre", "Resume"),
    "is_paused": ("en pause", "paused"),
    "previous": ("Vue précédente", "Previous view"),
    "next": ("Vue suivante", "Next view"),
    "place_in_views": ("Vue {n} sur {all}", "View {n} of {all}"),
    "rotation": ("Défilement des vues", "Rotation of views"),
    "key_help": (
        "Espace : pause ; ← → : tourner ; F : plein écran",
        "Space: pause; ← →: turn; F: full screen",
    ),
    "key_help_paused": (
        "Espace : reprendre ; ← → : tourner ; F : plein écran",
        "Space: resume; ← →: turn; F: full screen",
    ),
    "attention_now": ("À surveiller maintenant", "Needs attention now"),
    "nothing_now": ("Rien à signaler", "Nothing needs attention"),
    "and_more": ("et {n} de plus", "and {n} more"),
    "new_alert": ("Nouvelle alerte : {words}", "New alert: {words}"),
    "alert_of": ("{name} : {words}", "{name}: {words}"),
    "alert_waiting": ("{n} en attente", "{n} waiting"),
    "alert_longest": ("attente {time}", "wait {time}"),
    "alert_late": ("{words}, en retard : {n}", "{words}, overdue: {n}"),
    "alert_rate": ("{rate} {share}", "{rate} {share}"),
    "alert_service": ("niv. de service", "service level"),
    "alert_recent": ("niv. de service 30 min", "service level 30 min"),
    "alert_brief_recent": ("30 min {share}", "30 min {share}"),
    "alert_abandonment": ("taux d’abandon", "abandon rate"),
    "alert_kept": ("part tenue {share}", "kept {share}"),
    "alert_rates": ("{rate}, files : {n}", "{rate}, queues: {n}"),
    "alert_overdue": ("Délais en retard : {n}", "Promises overdue: {n}"),
    "alert_at_risk": ("Délais à risque : {n}", "Promises at risk: {n}"),
    "alert_oldest": ("le plus ancien a {time}", "the oldest is {time} old"),
    "view_overview": ("Vue d’ensemble", "Overview"),
    "view_phone": ("Files du téléphone", "Telephone queues"),
    "view_day": ("Appels du jour", "Calls today"),
    "view_written": ("Courrier, courriels, démarches", "Letters, e-mails, procedures"),
    "view_deadlines": ("Délais promis", "Promises"),
    "view_desk": ("Guichets et rendez-vous", "Front desks and appointments"),
    "view_satisfaction": ("Satisfaction, 28 jours", "Satisfaction, 28 days"),
    "view_sources": ("Sources des données", "Sources of data"),
    "page_of": ("{n} / {all}", "{n} / {all}"),
    "level_card": ("Niv. de service", "Service level"),
    "calls_so_far": ("Appels reçus", "Calls received"),
    "open_matters": ("Ouverts", "Open"),
    "checked_in": ("Arrivés, en attente", "Arrived, waiting"),
    "unknown_views": (
        "Inconnu dans views= : {names}. Vues possibles : {known}.",
        "Unknown in views=: {names}. Possible views: {known}.",
    ),
    "nothing_to_show": ("Aucune vue n’a rien à montrer.", "No view has anything to show."),
    # typical day
    "usual": ("d’habitude", "usually"),
    "nothing_to_compare": ("(pas encore d’historique pour comparer)", "(no history yet to compare with)"),
    "no_history": ("pas encore d’historique", "no history yet"),
    "usual_of": (
        "Moyenne des mêmes jours, hors jours fériés : {days}.",
        "Mean of the same weekdays, public holidays left out: {days}.",
    ),
    "usual_of_sundays": (
        "Jour férié, comparé aux dimanches : {days}.",
        "A public holiday, compared with Sundays: {days}.",
    ),
    "usual_by_now": ("D’habitude {n} à cette heure.", "Usually {n} by now."),
    "usual_now": ("D’habitude à cette heure", "Usually by now"),
    "still_to_come": ("Encore attendus", "Still to come"),
    "between": ("entre {low} et {high}, 9 jours sur 10", "between {low} and {high}, 9 days of 10"),
    # contacts at risk
    "at_risk_next": ("À risque : prochaines échéances", "At risk: next deadlines"),
    "at_risk_unread": ("Échéances en cours de lecture…", "Deadlines are being read…"),
    "at_risk_unknown": (
        "Et {n} de plus, dont le contact n’est pas connu ici : accueil sla list.",
        "And {n} more, whose contact is not known here: accueil sla list.",
    ),
    "contact": ("Contact", "Contact"),
    "time_remaining": ("Reste", "Left"),
    # satisfaction
    "measure_csat": ("Satisfaits", "Satisfied"),
    "measure_nps": ("NPS", "NPS"),
    "measure_ces_1_5": ("Facile, sur 5", "Easy, of 5"),
    "measure_ces_1_7": ("Facile, sur 7", "Easy, of 7"),
    "measure_jdma": ("JDMA, 8 à 10", "JDMA, 8 to 10"),
    "satisfaction_card": ("Satisfaction", "Satisfaction"),
    "days_28": ("28 jours", "28 days"),
    "lower_bound": ("Au moins", "At least"),
    "upper_bound": ("Au plus", "At most"),
    "interval_of": ("entre {lower} et {upper}, réponses : {n}", "between {lower} and {upper}, answers: {n}"),
    "too_few_answers": ("trop peu de réponses : {n}", "too few answers: {n}"),
    "given_too_few": ("Réponses, trop peu", "Answers, too few"),
    # sources
    "source": ("Source", "Source"),
    "last_came": ("Dernière arrivée", "Last arrival"),
    "nobody_today": ("personne aujourd’hui", "nobody today"),
    "nothing_today": ("rien aujourd’hui", "nothing today"),
    "came_today": ("aujourd’hui : {n}", "today: {n}"),
    "opinions": ("Avis", "Opinions"),
    "quiet_source": ("silencieuse", "silent"),
    "not_watched": ("non surveillée", "not watched"),
    "not_watched_rule": (
        "Non surveillée : si elle se tait, cet écran ne le dit pas.",
        "Not watched: this screen does not show if it falls silent.",
    ),
    "reading_history": ("lit l’historique", "reads history"),
    # explanations of figures
    "close": ("Fermer", "Close"),
    "made_of": ("{numerator} ÷ {denominator}", "{numerator} ÷ {denominator}"),
    "levels_of": ("Seuils : {words}.", "Thresholds: {words}."),
    "contacts_behind": ("Les contacts qui y comptent", "The contacts counted here"),
    "contacts_rule": (
        "Ce tableau ne contient aucun contact. Sur le serveur, qui en a le droit les liste :",
        "This board holds no contacts. On the server, users with the right can list them:",
    ),
    "contacts_none": (
        "Aucun contact n’est compté ici : ce chiffre ne vient pas d’eux.",
        "This figure does not count contacts.",
    ),
    "copy": ("Copier", "Copy"),
    "copied": ("Copié", "Copied"),
    "of_today": ("Aujourd’hui, depuis minuit.", "Today, since midnight."),
    "of_now": ("En ce moment.", "Right now."),
    "of_half_hour": (
        "La dernière demi-heure, par tranches de 5 minutes.",
        "The last half hour, in steps of 5 minutes.",
    ),
    "of_28_days": ("28 derniers jours, aujourd’hui compris.", "The last 28 days, today included."),
    "means_queues_waiting": (
        "Ceux qui sont dans la file et à qui personne n’a encore répondu.",
        "Contacts in the queue that no agent has answered yet.",
    ),
    "means_queues_longest": (
        "Depuis combien de temps attend celui qui attend le plus : la liste commence par lui.",
        "Wait of the contact that waits longest: the list begins with it.",
    ),
    "means_queues_in_progress": ("Ceux à qui un agent parle.", "Contacts that are speaking with an agent."),
    "means_queues_available": (
        "Agents connectés à la file, qui ne parlent à personne et ne sont pas en pause.",
        "Agents logged in to the queue who are neither on a contact nor paused.",
    ),
    "means_queues_on_contact": ("Agents qui parlent à quelqu’un.", "Agents who are on a contact."),
    "means_queues_paused": ("Agents connectés, mais en pause.", "Agents logged in, but paused."),
    "means_queues_received": (
        "Entrés dans la file : répondus + abandonnés + autres sorties + en attente.",
        "Entered the queue: answered + abandoned + left otherwise + waiting.",
    ),
    "means_queues_answered": ("Ceux à qui un agent a répondu.", "Contacts that an agent answered."),
    "means_queues_abandoned": (
        "Ceux qui sont partis sans réponse, même très vite.",
        "Contacts that left without an answer, however soon.",
    ),
    "means_queues_left": (
        "Sortis autrement : renvoyés, fermés, délai de file dépassé, oubliés par la source.",
        "Left otherwise: turned away, closed, timed out, or without an end reported by the source.",
    ),
    "means_queues_recent": (
        "La même formule, sur la dernière demi-heure ; la liste est celle du jour.",
        "The same formula for the last half hour; the list is that of the day.",
    ),
    "means_queues_mean_wait": (
        "Attente totale des répondus ÷ nombre des répondus.",
        "Total wait of answered contacts ÷ their number.",
    ),
    "means_queues_mean_handle": (
        "Durée totale des conversations terminées ou transférées ÷ leur nombre.",
        "Total time of the conversations that ended or were transferred ÷ their number.",
    ),
    "means_queues_usual": (
        "Moyenne des 8 derniers mêmes jours, hors fériés et jours presque vides ; un férié : des dimanches (accueil forecast).",
        "Mean of the last 8 such weekdays, without holidays and nearly empty days; on a holiday, of Sundays (accueil forecast).",
    ),
    "means_matters_received": ("Reçus par le service.", "Received by the service."),
    "means_matters_closed": (
        "Répondus, décidés ou clos autrement.",
        "Answered, decided, or closed otherwise.",
    ),
    "means_matters_to_do": ("Ouverts, et personne ne les a pris en charge.", "Open, and not taken up by an agent yet."),
    "means_matters_in_progress": ("Ouverts, et pris en charge par un agent.", "Open, and taken up by an agent."),
    "means_matters_pending_citizen": ("Ouverts, mais l’usager doit agir.", "Open, but the citizen has to act."),
    "means_matters_open": (
        "À traiter et en cours : au service d’agir.",
        "To do and in progress: the service has to act.",
    ),
    "means_matters_oldest": (
        "Temps depuis la réception du premier des listes, qui attend le service le plus, nuits et week-ends compris.",
        "Time since receipt of the first in the lists, which waits longest for the service; nights and weekends included.",
    ),
    "means_matters_first_response": (
        "Délai total des premières réponses du jour ÷ leur nombre, nuits et week-ends compris.",
        "Total time to the first responses of the day ÷ their number, nights and weekends included.",
    ),
    "means_appointments_booked": (
        "Rendez-vous pris, pour quelque jour que ce soit.",
        "Appointments booked, for any day.",
    ),
    "means_appointments_attended": ("L’usager est venu.", "The citizen came."),
    "means_appointments_missed": ("L’usager n’est pas venu.", "The citizen did not come."),
    "means_appointments_cancelled": (
        "Annulés par l’usager ou par le service.",
        "Cancelled by the citizen or by the service.",
    ),
    "means_appointments_upcoming": (
        "Pris, et encore à venir, quel que soit le jour.",
        "Booked and in the future, on any day.",
    ),
    "means_appointments_waiting": (
        "Arrivés à leur rendez-vous, et pas encore reçus.",
        "Arrived for their appointment, and still waiting.",
    ),
    "means_opinions_given": ("Avis donnés, sur toutes les échelles.", "Opinions given, on all scales."),
    "means_opinions_response": (
        "Qui a répondu ÷ qui a été invité, là où l’on invite.",
        "Citizens who answered ÷ citizens invited, where invitations are used.",
    ),
    "means_opinions_csat": (
        "Notes 4 et 5 ÷ toutes les notes de 1 à 5.",
        "Scores 4 and 5 ÷ all scores from 1 to 5.",
    ),
    "means_opinions_nps": (
        "Part des 9 et 10, moins celle des 0 à 6, sur 10.",
        "Share of 9 and 10 minus that of 0 to 6, of 10.",
    ),
    "means_opinions_ces_1_5": (
        "Notes 4 et 5 ÷ toutes les notes de 1 à 5.",
        "Scores 4 and 5 ÷ all scores from 1 to 5.",
    ),
    "means_opinions_ces_1_7": (
        "Notes 5 à 7 ÷ toutes les notes de 1 à 7.",
        "Scores 5 to 7 ÷ all scores from 1 to 7.",
    ),
    "means_opinions_jdma": (
        "Notes 8 à 10 ÷ toutes les notes de 0 à 10.",
        "Scores 8 to 10 ÷ all scores from 0 to 10.",
    ),
    "means_opinions_mean": ("Moyenne des notes du jour.", "Mean of today’s scores."),
    "wilson": ("Bornes de Wilson à 95 %.", "Wilson bounds at 95%."),
    "means_promises_running": (
        "Délais qui courent, ni à risque ni dépassés.",
        "Promises that run, neither at risk nor overdue.",
    ),
    "means_promises_at_risk": (
        "Délais dont la plus grande part est écoulée (part à risque de la politique).",
        "Promises for which most of the time has passed (the policy’s share at risk).",
    ),
    "means_promises_overdue": (
        "Délais dépassés de ce qui reste à faire.",
        "Promises past their deadline, with the work still to be done.",
    ),
    "means_promises_paused": (
        "L’usager doit agir : le délai ne court pas.",
        "The citizen has to act: the clock is stopped.",
    ),
    "means_promises_longest_overdue": (
        "Depuis combien de temps est dépassé le délai qui l’est depuis le plus longtemps.",
        "Delay of the promise that has been overdue for longest.",
    ),
    "means_promises_kept": (
        "Délais tenus ÷ délais tenus ou dépassés aujourd’hui ; un délai dépassé compte une fois, fait depuis ou non.",
        "Promises kept ÷ promises kept or broken today; a broken one counts once, even if it is done later.",
    ),
}
