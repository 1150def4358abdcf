"""Texts of the timeline page in French and English."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import re
from typing import Final

from models.locale import C_, LANGUAGES, N_, translate
from streams.privacy.texts import REMNANTS
from streams.privacy.vocabulary import VOCABULARY

_SHARED: Final = ("channel", "type", "state", "outcome", "clock", "scale", "kind", "purpose", "role", "ground")
"""Vocabularies whose labels the page shares with exports."""
_TEXTS = {
    # the head
    "timelines": N_("Citizen timeline"),
    "settings": N_("Settings of the page"),
    "other_language": N_("Français"),
    "to_main": N_("Skip to content"),
    "colours": N_("Colours"),
    "system": N_("system"),
    "light": N_("light"),
    "dark": N_("dark"),
    "no_script": N_("This page needs JavaScript."),
    "recorded": N_("Each access is recorded before the data is shown: who, when, whose, why."),
    # signing in and out
    "sign_in": N_("Sign in"),
    "sign_in_why": N_(
        "The administrator of Accueil gives you a token (accueil tokens add). It is kept in this tab "
        "only, and is forgotten after {minutes} min without activity."
    ),
    "token": N_("Access token"),
    "enter": N_("Enter"),
    "sign_out": N_("Sign out"),
    "signed_out": N_("You are signed out. The displayed data has been removed."),
    "idle": N_("Signed out after {minutes} min without activity. The displayed data has been removed."),
    "in_sector": N_("sector {names}"),
    "in_sectors": N_("sectors {names}"),
    "all_services": N_("all services"),
    "of_services": N_("services {names}"),
    "may_not_read": N_("Your role gives no access to timelines."),
    # the search
    "search": N_("Find a citizen"),
    "kind": N_("Find by"),
    "value": N_("Identifier"),
    "purpose": N_("Purpose"),
    "choose": N_("choose"),
    "sector": N_("Sector"),
    "across": N_("{to}, by exception: {reason}"),
    "find": N_("Find"),
    "finding": N_("Searching…"),
    "hint": N_("The identifier leaves this field for this search only; the purpose is recorded."),
    # errors
    "trouble_no-value": N_("Enter an identifier."),
    "trouble_no-purpose": N_("Choose the purpose of your search: it is recorded."),
    "trouble_token": N_("This token is not, or no longer, valid. Ask for another one."),
    "trouble_refused": N_("{detail}. The refusal is recorded."),
    "trouble_not-known": N_("Nothing is known of this identifier in this sector."),
    "trouble_too-often": N_("Too many requests with this token. Try again in {seconds} s."),
    "trouble_audit": N_("Accesses cannot be recorded, so nothing is shown. Tell the administrator of Accueil."),
    "trouble_database": N_("The timelines’ database does not answer. Try again in a moment."),
    "trouble_cursor": N_("The next page has expired: search again."),
    "trouble_network": N_("The server does not answer. Try again in a moment."),
    "trouble_value": N_("This identifier does not have the form of “{kind}”."),
    "trouble_sector": N_("This sector is unknown here."),
    # summary of the timeline
    "story_of": N_("Timeline found by {kind}"),
    "story_of_linked": N_("Timeline of this contact’s citizen"),
    "in_short": N_("In short"),
    "open_none": N_("No open case"),
    "open_one": N_("1 open case"),
    "open_many": N_("{n} open cases"),
    "last_contact": N_("Last event"),
    "next_appointment": N_("Appointment"),
    "appointment_none": N_("none known"),
    "appointment_one": N_("1 booked, none to come"),
    "appointment_many": N_("{n} booked, none to come"),
    "appointment_at": N_("Appointment on"),
    "next_deadline": N_("Next deadline"),
    "deadline_none": C_("page", "none known"),
    "sla_targets": C_("page", "SLA targets"),
    "breached_none": N_("none missed"),
    "breached_one": N_("1 missed"),
    "breached_many": N_("{n} missed"),
    "breached_open": N_("{n} in open cases"),
    "opinions": N_("Feedback"),
    "opinions_none": N_("none given"),
    "opinions_one": N_("1 given"),
    "opinions_many": N_("{n} given"),
    "stamped": N_("received on {date}"),
    "with_detail": N_("{what}: {detail}"),
    "not_whole": N_("Some data is not shown: too many identifiers or events are linked here."),
    "life_not_whole": N_("Older events are not shown."),
    "contacts_not_whole": N_("Figures and cases are those of the latest 200 events."),
    "not_own": N_("This identifier belongs to several people. Only events of this identifier alone are shown."),
    "only_services": N_("Limited to your services ({names}): other services may have open cases."),
    # cases
    "open_matters": N_("Open cases"),
    "received": N_("stamped {when}"),
    "since": N_("since {when}"),
    "last_at": N_("last event {when}"),
    "whole_life": N_("All events"),
    "whole_life_of": N_("All events: {name}"),
    "no_sla_target": N_("No SLA target"),
    "no_service": N_("service unknown"),
    "facts_one": N_("1 event"),
    "facts_many": N_("{n} events"),
    "sla_met": N_("Target met"),
    "sla_breached": N_("Target missed"),
    "sla_met_late": N_("Done after the deadline"),
    "sla_cancelled": N_("Target cancelled"),
    "due_running": N_("Due"),
    "due_at_risk": N_("Due soon"),
    "due_overdue": N_("Overdue"),
    "due_paused": C_("page", "Paused"),
    "of_clock": N_("{what}: {clock}"),
    # diagram of events by channel
    "lanes": N_("By channel, over time"),
    "lanes_help": N_(
        "Left and right arrows: from event to event. Up and down: from channel to channel. Enter: open. T: table."
    ),
    "as_table": N_("As a table"),
    "lanes_told": N_("{shown} events shown, from {from} to {until}"),
    "lanes_table": N_("Events by channel"),
    "number": N_("Number"),
    "first": N_("First"),
    "latest": N_("Latest"),
    "broken": N_("Missed SLA targets"),
    "legend_fact": C_("page", "event"),
    "legend_closed": N_("closure"),
    "legend_breached": N_("missed SLA target"),
    # the list
    "facts": N_("All events, latest first"),
    "channel": N_("Channel"),
    "service": N_("Service"),
    "every_channel": N_("all channels"),
    "every_service": N_("all services"),
    "shown_of": N_("{n} of {of} loaded events shown"),
    "all_shown": N_("{n} events: all are loaded"),
    "more_to_read": N_("{n} events loaded; older ones exist"),
    "to_older": N_("Skip to the end of the list"),
    "older": N_("Older"),
    "reading": N_("Reading…"),
    "no_fact": N_("No loaded event matches this filter."),
    "when": N_("When"),
    "what": N_("Event"),
    "standing": N_("State afterwards"),
    "outline": N_("Another service: details not shown"),
    # links
    "links": N_("Why these events belong together"),
    "asked": N_("searched"),
    "told_by_one": N_("linked to {other} by 1 contact, since {since}"),
    "told_by_many": N_("linked to {other} by {n} contacts, since {since}"),
    "told_by_unknown": N_("linked to {other}; evidence unknown"),
    "alone": N_("No other identifier is linked to it."),
    "alone_but_shared": N_("All identifiers linked to it are shared with other citizens."),
    "shared": N_("Shared, so not shown"),
    "shared_why": N_("Other citizens have these identifiers too: their events are not included here."),
    "leads_to": N_("Citizens who share it"),
    "leads_to_why": N_("Find out with the citizen which timeline is theirs."),
    "go_on": N_("See this timeline"),
    "go_on_to": N_("See this timeline: {name}"),
    "revoke": N_("Revoke this link"),
    "revoke_of": N_("Revoke this link: {one} and {other}"),
    "revoke_why": N_(
        "The two timelines will be separate immediately, even if another contact links them again. This can be undone."
    ),
    "ground": N_("Reason"),
    "revoked": N_("Link revoked: {one} and {other} are separate."),
    "link_revoked": N_("Link revoked"),
    "revoked_by_one": N_("1 contact named this identifier together with another one: it is no longer shown here."),
    "revoked_by_many": N_(
        "{n} contacts named this identifier together with another one: they are no longer shown here."
    ),
    "revoked_since": N_("Link revoked on {at}: {ground}."),
    "restore": N_("Restore"),
    "restored": N_("Link restored: {one} and {other}."),
    "cancel": N_("Cancel"),
    # privacy requests
    "rights": N_("The citizen’s rights"),
    "rights_of": N_("They cover all data about the citizen in the sector {sector}, including data that is not shown."),
    "export_all": N_("Export all data"),
    "export_why": N_(
        "The file contains all data about the citizen in the sector {sector} and all accesses to it. "
        "It is saved on this computer, outside Accueil, and you are responsible for it. The export "
        "is recorded."
    ),
    "export_do": N_("Export"),
    "exporting": N_("Exporting…"),
    "exported": N_("File {name} downloaded."),
    "format": N_("Format"),
    "format_html": N_("Page to read (HTML, accessible)"),
    "format_pdf": N_("Document to print (PDF)"),
    "format_json": N_("Data, for a program (JSON)"),
    "export_language": N_("The citizen’s language"),
    "language_fr": N_("French"),
    "language_en": N_("English"),
    "erase_all": N_("Erase the citizen permanently"),
    "erase_goes_one": N_("1 contact, from {first} to {last}."),
    "erase_goes_many": N_("{n} contacts, from {first} to {last}."),
    "erase_goes_part": N_("More than {n} contacts, the latest of them from {first} to {last}."),
    "erase_why": N_(
        "All data about the citizen in the sector {sector} is erased, including open cases. It does "
        "not come back, even if a system sends it again. This cannot be undone. Figures do not "
        "change."
    ),
    "erase_sure": N_("The requester’s identity and the decision to erase have been checked."),
    "erase_do": N_("Erase permanently"),
    "erasure_begun": N_("Erasure begun"),
    "erasure_begun_why": N_("Kafka does not have all events yet. Checking the progress sends the rest."),
    "erasure_told": N_("Erasure in progress"),
    "erasure_told_why": N_("Some data is not erased yet."),
    "erasure_proved": N_("Erasure proved"),
    "erasure_proved_why": N_("The timelines contain none of it any more."),
    "erasure_contacts_one": N_("1 contact."),
    "erasure_contacts_many": N_("{n} contacts."),
    "erasure_id": N_("Erasure number"),
    "erasure_look": N_("Check progress"),
    "erased_entries": N_("Events"),
    "erased_links": N_("Links"),
    "erased_sla_targets": N_("Open SLA targets"),
    "erased_rows": N_("Erased rows of the workers’ state"),
    "from_to": N_("{from}, now {to}"),
    "find_erasure": N_("Find an erasure"),
    "open_erasures": N_("Erasures not proved yet"),
    "open_erasures_none": N_("None."),
    "remnants": N_("Remaining data, and until when"),
    "until": N_("Until {at}"),
    "until_rewritten": N_("Until accueil retention apply"),
    "proof_formula": N_(
        "The hash is that of “proof” as JSON with sorted keys, without spaces, in UTF-8: jq -cjS .proof | sha256sum"
    ),
    "proof_save": N_("Save the proof (JSON)"),
    "proof_print": N_("Print"),
    "proof_hash": N_("Proof (SHA-256)"),
    # one contact
    "life": N_("One contact"),
    "life_of": N_("{channel}, {service}"),
    "close": N_("Close"),
    "received_at": N_("Date of receipt (stamp)"),
    "contact_id": N_("Contact"),
    "site": N_("Site"),
    "not_told": C_("page", "unknown"),
    "outcome": N_("Outcome"),
    "still_open": N_("not known yet"),
    "steps": C_("page", "Events"),
    "of_nobody": N_("The citizen of this contact is unknown."),
    # times
    "just_now": N_("just now"),
}

_TEXTS |= {f"remnant_{what}": text for what, text in REMNANTS.items()}
_TEXTS |= {f"{of}_{value}": text for of in _SHARED for value, text in VOCABULARY[of].items()}

_NO_BREAK: Final = re.compile(r" (?=[:;?!÷%»]|s(?![\w’])|min\b)|(?<=«) ")
"""Spaces that must not break a line: those of French punctuation (Imprimerie nationale), and before `÷`, `%`, `s` and `min`."""

TEXTS: Final = {
    language: {
        name: _NO_BREAK.sub("\N{NO-BREAK SPACE}", translate(text, language).replace("'", "’"))
        for name, text in _TEXTS.items()
    }
    for language in LANGUAGES
}
