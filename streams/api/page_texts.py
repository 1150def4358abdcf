"""Texts of the timeline page in French and English."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import re
from typing import Final

from streams.privacy.texts import REMNANTS
from streams.privacy.vocabulary import VOCABULARY
from streams.web.board.texts import LANGUAGES

_SHARED: Final = ("channel", "type", "state", "outcome", "clock", "scale", "kind", "purpose", "role", "ground")
"""Vocabularies whose labels the page shares with exports."""
_TEXTS = {
    # the head
    "timelines": ("Fil de l’usager", "Citizen timeline"),
    "settings": ("Réglages de la page", "Settings of the page"),
    "other_language": ("English", "Français"),
    "to_main": ("Aller au contenu", "Skip to content"),
    "colours": ("Couleurs", "Colours"),
    "system": ("du système", "system"),
    "light": ("claires", "light"),
    "dark": ("sombres", "dark"),
    "no_script": ("Cette page a besoin de JavaScript.", "This page needs JavaScript."),
    "recorded": (
        "Chaque lecture est enregistrée avant d’être affichée : qui, quand, de qui, pourquoi.",
        "Each access is recorded before the data is shown: who, when, whose, why.",
    ),
    # who one is
    "sign_in": ("Se connecter", "Sign in"),
    "sign_in_why": (
        (
            "Un jeton est remis par l’administrateur d’Accueil (accueil tokens add). Il ne reste que dans cet onglet, et"
            " s’oublie après {minutes} min sans activité."
        ),
        (
            "The administrator of Accueil gives you a token (accueil tokens add). It is kept in this tab only, and is"
            " forgotten after {minutes} min without activity."
        ),
    ),
    "token": ("Jeton d’accès", "Access token"),
    "enter": ("Entrer", "Enter"),
    "sign_out": ("Se déconnecter", "Sign out"),
    "signed_out": (
        "Vous êtes déconnecté. Rien ne reste de ce qui était affiché.",
        "You are signed out. The displayed data has been removed.",
    ),
    "idle": (
        "Déconnexion après {minutes} min sans activité. Rien ne reste de ce qui était affiché.",
        "Signed out after {minutes} min without activity. The displayed data has been removed.",
    ),
    "in_sector": ("secteur {names}", "sector {names}"),
    "in_sectors": ("secteurs {names}", "sectors {names}"),
    "all_services": ("tous les services", "all services"),
    "of_services": ("services {names}", "services {names}"),
    "may_not_read": (
        "Votre rôle ne donne accès au fil de personne.",
        "Your role gives no access to timelines.",
    ),
    # the search
    "search": ("Chercher un usager", "Find a citizen"),
    "kind": ("Chercher par", "Find by"),
    "value": ("Identifiant", "Identifier"),
    "purpose": ("Pour quelle raison", "Purpose"),
    "choose": ("à choisir", "choose"),
    "sector": ("Secteur", "Sector"),
    "across": ("{to}, par exception : {reason}", "{to}, by exception: {reason}"),
    "find": ("Chercher", "Find"),
    "finding": ("Recherche…", "Searching…"),
    "hint": (
        "L’identifiant ne quitte ce champ que pour cette recherche ; la raison est enregistrée.",
        "The identifier leaves this field for this search only; the purpose is recorded.",
    ),
    # what may go wrong
    "trouble_no-value": ("Saisissez un identifiant.", "Enter an identifier."),
    "trouble_no-purpose": (
        "Choisissez pour quelle raison vous cherchez : elle est enregistrée.",
        "Choose the purpose of your search: it is recorded.",
    ),
    "trouble_token": (
        "Ce jeton n’est pas, ou n’est plus, valable. Demandez-en un autre.",
        "This token is not, or no longer, valid. Ask for another one.",
    ),
    "trouble_refused": (
        "{detail}. Ce refus est enregistré.",
        "{detail}. The refusal is recorded.",
    ),
    "trouble_not-known": (
        "Rien n’est connu sous cet identifiant dans ce secteur.",
        "Nothing is known of this identifier in this sector.",
    ),
    "trouble_too-often": (
        "Trop de demandes avec ce jeton. Réessayez dans {seconds} s.",
        "Too many requests with this token. Try again in {seconds} s.",
    ),
    "trouble_audit": (
        "L’enregistrement des accès est impossible : rien n’est montré. Prévenez l’administrateur d’Accueil.",
        "Accesses cannot be recorded, so nothing is shown. Tell the administrator of Accueil.",
    ),
    "trouble_database": (
        "La base des fils ne répond pas. Réessayez dans quelques instants.",
        "The timelines’ database does not answer. Try again in a moment.",
    ),
    "trouble_cursor": (
        "La suite n’est plus valable : refaites la recherche.",
        "The next page has expired: search again.",
    ),
    "trouble_network": (
        "Le serveur ne répond pas. Réessayez dans quelques instants.",
        "The server does not answer. Try again in a moment.",
    ),
    "trouble_value": (
        "Cet identifiant n’a pas la forme attendue pour « {kind} ».",
        "This identifier does not have the form of “{kind}”.",
    ),
    "trouble_sector": ("Ce secteur n’est pas connu ici.", "This sector is unknown here."),
    # the story at a glance
    "story_of": ("Fil trouvé par {kind}", "Timeline found by {kind}"),
    "story_of_linked": ("Fil de l’usager de ce contact", "Timeline of this contact’s citizen"),
    "in_short": ("En bref", "In short"),
    "open_none": ("Aucune affaire en cours", "No open case"),
    "open_one": ("1 affaire en cours", "1 open case"),
    "open_many": ("{n} affaires en cours", "{n} open cases"),
    "last_contact": ("Dernière nouvelle", "Last event"),
    "next_appointment": ("Rendez-vous", "Appointment"),
    "appointment_none": ("aucun connu", "none known"),
    "appointment_one": ("1 pris, aucun à venir", "1 booked, none to come"),
    "appointment_many": ("{n} pris, aucun à venir", "{n} booked, none to come"),
    "appointment_at": ("Rendez-vous le", "Appointment on"),
    "next_deadline": ("Prochaine échéance", "Next deadline"),
    "deadline_none": ("aucune connue", "none known"),
    "promises": ("Délais", "SLA targets"),
    "breached_none": ("aucun dépassement connu", "none missed"),
    "breached_one": ("1 dépassé", "1 missed"),
    "breached_many": ("{n} dépassés", "{n} missed"),
    "breached_open": ("dont {n} en cours", "{n} in open cases"),
    "opinions": ("Avis", "Feedback"),
    "opinions_none": ("aucun donné", "none given"),
    "opinions_one": ("1 donné", "1 given"),
    "opinions_many": ("{n} donnés", "{n} given"),
    "stamped": ("reçue le {date}", "received on {date}"),
    "with_detail": ("{what} : {detail}", "{what}: {detail}"),
    "not_whole": (
        "Il y a davantage que ce qui est montré : trop d’identifiants, ou de faits, se rejoignent ici.",
        "Some data is not shown: too many identifiers or events are linked here.",
    ),
    "life_not_whole": (
        "Il y a des étapes plus anciennes, qui ne sont pas montrées.",
        "Older events are not shown.",
    ),
    "contacts_not_whole": (
        "Les chiffres et les affaires portent sur les 200 faits les plus récents.",
        "Figures and cases are those of the latest 200 events.",
    ),
    "not_own": (
        "Cet identifiant mène à plusieurs personnes. Seul ce qui n’est à personne d’autre est montré.",
        "This identifier belongs to several people. Only events of this identifier alone are shown.",
    ),
    "only_services": (
        "Vue limitée à vos services ({names}) : ailleurs, d’autres affaires sont peut-être en cours.",
        "Limited to your services ({names}): other services may have open cases.",
    ),
    # cases
    "open_matters": ("Affaires en cours", "Open cases"),
    "received": ("tampon du {when}", "stamped {when}"),
    "since": ("depuis {when}", "since {when}"),
    "last_at": ("dernier fait {when}", "last event {when}"),
    "whole_life": ("Toute l’histoire", "All events"),
    "whole_life_of": ("Toute l’histoire : {name}", "All events: {name}"),
    "no_promise": ("Aucun délai connu", "No SLA target"),
    "no_service": ("service non dit", "service unknown"),
    "facts_one": ("1 fait", "1 event"),
    "facts_many": ("{n} faits", "{n} events"),
    "sla_met": ("Délai tenu", "Target met"),
    "sla_breached": ("Délai dépassé", "Target missed"),
    "sla_met_late": ("Fait après l’échéance", "Done after the deadline"),
    "sla_cancelled": ("Délai sans objet", "Target cancelled"),
    "due_running": ("Échéance", "Due"),
    "due_at_risk": ("Échéance proche", "Due soon"),
    "due_overdue": ("En retard", "Overdue"),
    "due_paused": ("Délai suspendu", "Paused"),
    "of_clock": ("{what} : {clock}", "{what}: {clock}"),
    # diagram of events by channel
    "lanes": ("Par canal, dans le temps", "By channel, over time"),
    "lanes_help": (
        "Flèches gauche et droite : d’un fait à l’autre. Haut et bas : d’un canal à l’autre. Entrée : ouvrir. T : tableau.",
        "Left and right arrows: from event to event. Up and down: from channel to channel. Enter: open. T: table.",
    ),
    "as_table": ("En tableau", "As a table"),
    "lanes_told": ("{shown} faits affichés, du {from} au {until}", "{shown} events shown, from {from} to {until}"),
    "lanes_table": ("Faits par canal", "Events by channel"),
    "number": ("Nombre", "Number"),
    "first": ("Premier", "First"),
    "latest": ("Dernier", "Latest"),
    "broken": ("Délais dépassés", "Missed SLA targets"),
    "legend_fact": ("fait", "event"),
    "legend_closed": ("clôture", "closure"),
    "legend_breached": ("délai dépassé", "missed SLA target"),
    # the list
    "facts": ("Tous les faits, du plus récent au plus ancien", "All events, latest first"),
    "channel": ("Canal", "Channel"),
    "service": ("Service", "Service"),
    "every_channel": ("tous les canaux", "all channels"),
    "every_service": ("tous les services", "all services"),
    "shown_of": ("{n} faits affichés sur {of} lus", "{n} of {of} loaded events shown"),
    "all_shown": ("{n} faits : tout est lu", "{n} events: all are loaded"),
    "more_to_read": ("{n} faits lus ; il y en a de plus anciens", "{n} events loaded; older ones exist"),
    "to_older": ("Aller à la suite de la liste", "Skip to the end of the list"),
    "older": ("Plus anciens", "Older"),
    "reading": ("Lecture…", "Reading…"),
    "no_fact": (
        "Aucun fait ne correspond à ce filtre parmi ceux qui sont lus.",
        "No loaded event matches this filter.",
    ),
    "when": ("Quand", "When"),
    "what": ("Fait", "Event"),
    "standing": ("État ensuite", "State afterwards"),
    "outline": ("Autre service : détails non montrés", "Another service: details not shown"),
    # links
    "links": ("Pourquoi ces faits vont ensemble", "Why these events belong together"),
    "asked": ("demandé", "searched"),
    "told_by_one": (
        "lié à {other} par 1 contact, depuis le {since}",
        "linked to {other} by 1 contact, since {since}",
    ),
    "told_by_many": (
        "lié à {other} par {n} contacts, depuis le {since}",
        "linked to {other} by {n} contacts, since {since}",
    ),
    "told_by_unknown": ("lié à {other} ; preuve non connue", "linked to {other}; evidence unknown"),
    "alone": ("Aucun autre identifiant n’y est lié.", "No other identifier is linked to it."),
    "alone_but_shared": (
        "Rien n’y est lié qui soit à cet usager seul.",
        "All identifiers linked to it are shared with other citizens.",
    ),
    "shared": ("Partagé, donc non montré", "Shared, so not shown"),
    "shared_why": (
        "D’autres usagers ont aussi ces identifiants : leurs faits ne sont pas mêlés à ceux-ci.",
        "Other citizens have these identifiers too: their events are not included here.",
    ),
    "leads_to": ("À qui il mène", "Citizens who share it"),
    "leads_to_why": (
        "Ask the citizen which timeline is theirs.",
        "Find out with the citizen which timeline is theirs.",
    ),
    "go_on": ("Voir ce fil", "See this timeline"),
    "go_on_to": ("Voir ce fil : {name}", "See this timeline: {name}"),
    "revoke": ("Rompre ce lien", "Revoke this link"),
    "revoke_of": ("Rompre ce lien : {one} et {other}", "Revoke this link: {one} and {other}"),
    "revoke_why": (
        "Les deux histoires seront séparées aussitôt, même si le lien est redit. Cela peut être rétabli.",
        "The two timelines will be separate immediately, even if another contact links them again. This can be undone.",
    ),
    "ground": ("Motif", "Reason"),
    "revoked": ("Lien rompu : {one} et {other} sont séparés.", "Link revoked: {one} and {other} are separate."),
    "link_revoked": ("Lien rompu", "Link revoked"),
    "revoked_by_one": (
        "1 contact donnait cet identifiant avec un autre : il n’est plus montré ici.",
        "1 contact named this identifier together with another one: it is no longer shown here.",
    ),
    "revoked_by_many": (
        "{n} contacts donnaient cet identifiant avec un autre : ils ne sont plus montrés ici.",
        "{n} contacts named this identifier together with another one: they are no longer shown here.",
    ),
    "revoked_since": ("Lien rompu le {at} : {ground}.", "Link revoked on {at}: {ground}."),
    "restore": ("Rétablir", "Restore"),
    "restored": ("Lien rétabli : {one} et {other}.", "Link restored: {one} and {other}."),
    "cancel": ("Annuler", "Cancel"),
    # privacy requests
    "rights": ("Droits de l’usager", "The citizen’s rights"),
    "rights_of": (
        "Sur tout ce qui est conservé de l’usager dans le secteur {sector}, au-delà de ce qui est montré.",
        "They cover all data about the citizen in the sector {sector}, including data that is not shown.",
    ),
    "export_all": ("Exporter tout ce qui est conservé", "Export all data"),
    "export_why": (
        (
            "Un fichier réunit tout ce qui est conservé sur l’usager dans le secteur {sector}, et qui l’a consulté. Il reste"
            " sur cet ordinateur, hors d’Accueil : vous en répondez. L’export est enregistré."
        ),
        (
            "The file contains all data about the citizen in the sector {sector} and all accesses to it. It is saved on this"
            " computer, outside Accueil, and you are responsible for it. The export is recorded."
        ),
    ),
    "export_do": ("Exporter", "Export"),
    "exporting": ("Export en cours…", "Exporting…"),
    "exported": ("Fichier {name} téléchargé.", "File {name} downloaded."),
    "format": ("Format", "Format"),
    "format_html": ("Page à lire (HTML, accessible)", "Page to read (HTML, accessible)"),
    "format_pdf": ("Document à imprimer (PDF)", "Document to print (PDF)"),
    "format_json": ("Données, pour un programme (JSON)", "Data, for a program (JSON)"),
    "export_language": ("Langue de l’usager", "The citizen’s language"),
    "language_fr": ("français", "French"),
    "language_en": ("anglais", "English"),
    "erase_all": ("Effacer l’usager pour de bon", "Erase the citizen permanently"),
    "erase_goes_one": ("1 contact, du {first} au {last}.", "1 contact, from {first} to {last}."),
    "erase_goes_many": ("{n} contacts, du {first} au {last}.", "{n} contacts, from {first} to {last}."),
    "erase_goes_part": (
        "Plus de {n} contacts, dont les derniers vont du {first} au {last}.",
        "More than {n} contacts, the latest of them from {first} to {last}.",
    ),
    "erase_why": (
        (
            "Tout ce qui est conservé sur l’usager dans le secteur {sector} est effacé, affaires en cours comprises, et rien"
            " n’en revient, même si un système le redit. Cela ne peut être annulé. Les chiffres ne changent pas."
        ),
        (
            "All data about the citizen in the sector {sector} is erased, including open cases. It does not come back, even if a"
            " system sends it again. This cannot be undone. Figures do not change."
        ),
    ),
    "erase_sure": (
        "L’identité du demandeur et la décision d’effacer ont été vérifiées.",
        "The requester’s identity and the decision to erase have been checked.",
    ),
    "erase_do": ("Effacer pour de bon", "Erase permanently"),
    "erasure_begun": ("Effacement commencé", "Erasure begun"),
    "erasure_begun_why": (
        "Kafka n’a pas encore tout : demander où il en est le relance.",
        "Kafka does not have all events yet. Checking the progress sends the rest.",
    ),
    "erasure_told": ("Effacement en cours", "Erasure in progress"),
    "erasure_told_why": ("Tout n’est pas encore effacé.", "Some data is not erased yet."),
    "erasure_proved": ("Effacement prouvé", "Erasure proved"),
    "erasure_proved_why": ("Rien n’en reste dans les fils.", "The timelines contain none of it any more."),
    "erasure_contacts_one": ("1 contact.", "1 contact."),
    "erasure_contacts_many": ("{n} contacts.", "{n} contacts."),
    "erasure_id": ("Numéro de l’effacement", "Erasure number"),
    "erasure_look": ("Où en est-il ?", "Check progress"),
    "erased_entries": ("Faits", "Events"),
    "erased_links": ("Liens", "Links"),
    "erased_promises": ("Délais en cours", "Open SLA targets"),
    "erased_rows": ("Lignes de l’état effacées", "Erased rows of the workers’ state"),
    "from_to": ("{from}, désormais {to}", "{from}, now {to}"),
    "find_erasure": ("Retrouver un effacement", "Find an erasure"),
    "open_erasures": ("Effacements non prouvés", "Erasures not proved yet"),
    "open_erasures_none": ("Aucun.", "None."),
    "remnants": ("Ce qui reste, et jusqu’à quand", "Remaining data, and until when"),
    "until": ("Jusqu’au {at}", "Until {at}"),
    "until_rewritten": ("Jusqu’à accueil retention apply", "Until accueil retention apply"),
    "proof_formula": (
        "L’empreinte est celle de « proof » en JSON, clés triées, sans espaces, en UTF-8 : jq -cjS .proof | sha256sum",
        "The hash is that of “proof” as JSON with sorted keys, without spaces, in UTF-8: jq -cjS .proof | sha256sum",
    ),
    "proof_save": ("Enregistrer la preuve (JSON)", "Save the proof (JSON)"),
    "proof_print": ("Imprimer", "Print"),
    "proof_hash": ("Preuve (SHA-256)", "Proof (SHA-256)"),
    # one contact
    "life": ("Un contact", "One contact"),
    "life_of": ("{channel}, {service}", "{channel}, {service}"),
    "close": ("Fermer", "Close"),
    "received_at": ("Date de réception (tampon)", "Date of receipt (stamp)"),
    "contact_id": ("Contact", "Contact"),
    "site": ("Site", "Site"),
    "not_told": ("non dit", "unknown"),
    "outcome": ("Issue", "Outcome"),
    "still_open": ("pas encore connue", "not known yet"),
    "steps": ("Étapes", "Events"),
    "of_nobody": ("Aucun usager connu pour ce contact.", "The citizen of this contact is unknown."),
    # times
    "just_now": ("à l’instant", "just now"),
}

_TEXTS |= {f"remnant_{what}": (french.replace("'", "’"), english) for what, (english, french) in REMNANTS.items()}
_TEXTS |= {f"{of}_{value}": (french, english) for of in _SHARED for value, (english, french) in VOCABULARY[of].items()}

_NO_BREAK: Final = re.compile(r" (?=[:;?!÷%»]|s(?![\w’])|min\b)|(?<=«) ")
"""Spaces that must not break a line: before two-part punctuation (Imprimerie nationale) and before units of time."""

TEXTS: Final = {
    language: {name: _NO_BREAK.sub("\N{NO-BREAK SPACE}", words[index]) for name, words in _TEXTS.items()}
    for index, language in enumerate(LANGUAGES)
}
