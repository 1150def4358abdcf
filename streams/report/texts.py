"""Texts of a report in French and English, and the formats of numbers, dates and times."""
# ruff: noqa: RUF001 - French has typographic apostrophes, and spaces that do not break

from datetime import date, datetime
from typing import Final

from models.events import CountedPostClass
from models.locale import C_, LANGUAGES, N_, translate
from models.policies import ClockKind
from models.topics import Channel
from streams.core.figures.satisfaction import Measure
from streams.report.period import Period, PeriodKind
from streams.web.board.texts import TEXTS as BOARD

THIN: Final = "\u202f"
"""Thousands separator of French numbers."""
NO_BREAK_SPACE: Final = "\u00a0"

_TEXTS: Final = {
    "report": N_("Activity report"),
    "week": N_("Week"),
    "days_of": N_("{first} to {last}"),
    "as_of": N_("Figures as of {when} ({zone})."),
    "not_over": N_("The period is not over: these figures are provisional."),
    "known_in_part": N_("For some channels, the data may cover only a part of the period: see “Data of this report”."),
    "reads_history": N_("The history of some channels is still being read: their figures will grow."),
    "not_told": N_("The worker has not recorded yet up to when the figures are complete."),
    "unreadable": N_("{count} rows of figures could not be read: they are missing in this report."),
    "nothing": N_("No contact is known for this period."),
    # coverage
    "coverage": N_("Data of this report"),
    "channel": N_("Channel"),
    "known": N_("Data"),
    "days_with_contacts": N_("Days with at least one contact"),
    "of_days": N_("{count} of {days}"),
    "complete": N_("begin before the period"),
    "begins": N_("begin on {day}: they cover only a part of the period"),
    "begins_first": N_("begin on {day}, the first day of the period: they may cover only a part of that day"),
    "after_period": N_("begin on {day}, after the period"),
    "being_read": N_("{data}; history is being read, up to {when}"),
    # tables
    "summary": N_("Summary"),
    "received_by_channel": N_("Contacts received by channel"),
    "total": N_("Total"),
    "others": N_("Others, the smallest combined"),
    "no_service": N_("(no service)"),
    "what": N_("Where"),
    "feedback": N_("Opinions"),
    "sent": N_("Letters sent"),
    "sla": N_("SLA targets"),
    "sla_by_service": N_("SLA targets, by service"),
    "csat": N_("Satisfaction (CSAT)"),
    "nps": N_("Recommendation (NPS)"),
    "ces_1_5": N_("Ease (CES of 5)"),
    "ces_1_7": N_("Ease (CES of 7)"),
    "jdma": N_("Je donne mon avis (JDMA)"),
    "reasons_by_service": N_("Reasons for contact, by service"),
    "post_incoming": N_("Incoming post counted"),
    "post_outgoing": N_("Outgoing post counted"),
    "unit_count": N_("count"),
    "unit_share": N_("share"),
    "unit_seconds": N_("seconds"),
    "unit_days": N_("days"),
    "unit_euros": N_("euros"),
    "unit_points": N_("points"),
    # columns
    "abandoned_short": N_("including short abandons"),
    "transferred": N_("Transferred"),
    "responded": N_("First response given"),
    "mean_registration": N_("Mean time to register"),
    "mean_first_response": N_("Mean time to first response"),
    "responded_within_5": N_("First response within 5 days"),
    "responded_within_15": N_("First response within 15 days"),
    "mean_resolution": N_("Mean time to resolution"),
    "sent_letters": N_("Sent"),
    "postage": N_("Postage"),
    "sent_lettre_verte": N_("Lettre verte"),
    "sent_lettre_services_plus": N_("Services plus"),
    "sent_lettre_recommandee": N_("Registered"),
    "sent_lettre_recommandee_avec_avis": N_("Registered with receipt"),
    "sent_economique": N_("Economy"),
    "sent_lettre_en_ligne": N_("Online"),
    "cancelled_by_citizen": N_("Cancelled by the citizen"),
    "cancelled_by_service": N_("Cancelled by the service"),
    "no_show": N_("No-show rate"),
    "mean_lead": N_("Mean lead time"),
    "started": C_("SLA targets", "Started"),
    "met": N_("Met"),
    "met_late": N_("Done late"),
    "breached": C_("SLA targets", "Missed"),
    "invited": N_("Invitations"),
    "response_rate": N_("Response rate"),
    "contacts": N_("Contacts"),
    "unqueued_share": N_("Share without a queue"),
    # plots
    "by_day": N_("Contacts received by day"),
    "by_hour": N_("Contacts received by hour"),
    # sheets of the workbook, columns of CSV
    "definitions": N_("Definitions"),
    "days": N_("By day"),
    "hours": N_("By hour"),
    "hour": N_("Hour"),
    "date": N_("Day"),
    "from": C_("report", "from"),
    "to": N_("to"),
    "table": C_("report", "table"),
    "line": N_("row"),
    "site": N_("site"),
    "service": N_("service"),
    "queue": N_("queue"),
    "measure": N_("measure"),
    "value": N_("value"),
    "unit": N_("unit"),
    "numerator": N_("numerator"),
    "denominator": N_("denominator"),
    "low": N_("lower bound"),
    "high": N_("upper bound"),
}
_OF_BOARD: Final = {
    **{channel.value: f"channel_{channel}" for channel in Channel if channel is not Channel.FEEDBACK},
    **{f"clock_{kind}": f"clock_{kind}" for kind in ClockKind},
    **{name: name for name in ("short_form", "sla_target_of")},
    **{name: name for name in ("received", "answered", "abandoned", "abandonment", "mean_wait", "mean_handle")},
    **{name: name for name in ("closed", "booked", "attended", "missed", "kept", "given")},
    **{name: f"title_{name}" for name in ("reasons", "lines", "menu", "callbacks")},
    **{
        name: name
        for name in ("line_arrived", "line_queued", "line_unqueued", "unknown_line", "menu_chosen", "no_name")
    },
    **{name: name for name in ("messages_left", "messages_heard", "mean_hearing")},
    **{name: name for name in ("callbacks_requested", "called_back", "mean_callback", "post_items")},
    **{f"post_{post_class}": f"post_{post_class}" for post_class in CountedPostClass},
    **{f"score_{measure}": f"measure_{measure}" for measure in Measure},
    "left_otherwise": "left",
    "service_level": "level_short",
    "answered_invitation": "given",
}
"""Key in a report → key of the same text on the board."""
TEXTS: Final = {
    language: {name: translate(text, language) for name, text in _TEXTS.items()}
    | {name: BOARD[language][board_key] for name, board_key in _OF_BOARD.items()}
    for language in LANGUAGES
}

DEFINITIONS: Final = (
    (
        N_("Day"),
        N_(
            "A civil day of {zone}, from midnight to midnight: 23 or 25 hours where the clocks change. "
            "Each fact is counted on the day it happened: a call received at 23:59 and answered at 0:01 "
            "is received on one day, and answered on the next."
        ),
    ),
    (
        N_("Received (telephone, front desks)"),
        N_("Entries into a queue. Received = answered + abandoned + left otherwise + still waiting."),
    ),
    (
        N_("Abandoned"),
        N_("Left without an answer, however soon; short abandons, within {short}, are included. {abandonment}"),
    ),
    (
        N_("Left otherwise"),
        N_("Queue full or closed, diverted, key pressed, timed out, or an end that the source never reported."),
    ),
    (
        N_("Service level"),
        N_("{service_level} Other tools give that name to another formula; this one is “{formula}”."),
    ),
    (
        N_("Wait, handle time"),
        N_("Mean wait of answered contacts; mean time from the answer to the end."),
    ),
    (
        N_("Letters, e-mails, procedures"),
        N_(
            "Received: on the day of arrival. Delays are elapsed time since then, nights and holidays "
            "included. First response: the first one of a person, without automatic acknowledgements."
        ),
    ),
    (
        N_("Appointments"),
        N_("No-show rate = missed / (missed + attended). Lead time: from booking to the start that was first booked."),
    ),
    (
        N_("Calls by line"),
        N_(
            "Arrived: calls on the line, before any queue. No queue: calls that ended without one, such as in the voice "
            "menu. Voice menu: a choice counts once per call."
        ),
    ),
    (
        N_("Voice messages and callbacks"),
        N_(
            "Mean delay to hear: from the message until an agent first listened to it. Mean callback delay: from the "
            "message or the request, whichever came first, until the first callback."
        ),
    ),
    (
        N_("Counted post"),
        N_(
            "Items that a mailroom or a franking machine counted in total. Letters known one by one are not among them."
        ),
    ),
    (
        N_("Reasons for contact"),
        N_("Contacts by their latest reason, on the day they began. Contacts without a reason are not counted."),
    ),
    (
        N_("SLA targets"),
        N_(
            "By policy of sla.toml, in opening hours where the policy says so. SLA targets met = met / (met + missed): "
            "a missed one counts once, on the day of its deadline, even if it was done later."
        ),
    ),
    (
        N_("Satisfaction"),
        N_(
            "CSAT: share of 4 and 5 of 5. NPS: share of 9 and 10, minus share of 0 to 6, in points. CES: "
            "share of 4 and 5 of 5, or of 5 to 7 of 7. JDMA: share of 8 to 10 of 10. Response rate = "
            "answers / invitations, where there were any. Wilson’s interval (95%) shows how far chance may "
            "have moved the measure, not what citizens who did not answer think. Below 5 answers, no "
            "measure is given."
        ),
    ),
    (
        N_("Small numbers"),
        N_(
            "Each named row counts at least 5 contacts; smaller ones are combined into one row. These "
            "are contacts, not people: a citizen who calls three times counts three times."
        ),
    ),
)
_MONTHS: Final = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),  # noqa: SIM905
    "en": "January February March April May June July August September October November December".split(),  # noqa: SIM905
}
_WEEKDAYS: Final = {
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),  # noqa: SIM905
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),  # noqa: SIM905
}


def format_day(day: date, language: str, *, weekday: bool = False) -> str:
    """Return a date as text, such as `25 novembre 2026`; with `weekday`, `mercredi 25 novembre 2026`."""
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    words = f"{number}{NO_BREAK_SPACE}{_MONTHS[language][day.month - 1]} {day.year}"
    return f"{_WEEKDAYS[language][day.weekday()]} {words}" if weekday else words


def format_time(at: datetime, language: str) -> str:
    """Return a date and time as text, in the time zone of `at`."""
    clock = f"{at.hour}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{at.minute:02}" if language == "fr" else f"{at:%H:%M}"
    return f"{format_day(at.date(), language)}, {clock}"


def format_period(period: Period, language: str) -> str:
    """Return a period as text, such as `November 2026`."""
    first, last = format_day(period.first, language), format_day(period.last, language)
    match period.kind:
        case PeriodKind.DAY:
            return format_day(period.first, language, weekday=True)
        case PeriodKind.WEEK:
            if (period.first.year, period.first.month) == (period.last.year, period.last.month):
                first = first.split(NO_BREAK_SPACE)[0]
            elif period.first.year == period.last.year:
                first = first.removesuffix(f" {period.first.year}")
            days = TEXTS[language]["days_of"].format(first=first, last=last)
            return f"{TEXTS[language]['week']} {period.first.isocalendar().week}, {days}"
        case PeriodKind.MONTH:
            return f"{_MONTHS[language][period.first.month - 1]} {period.first.year}"
        case PeriodKind.YEAR:
            return str(period.first.year)


def format_number(number: float, language: str, digits: int = 0) -> str:
    """Return a number with `digits` decimal places as text: `1 234,5` in French, `1,234.5` in English."""
    text = f"{number:,.{digits}f}"
    return text.replace(",", THIN).replace(".", ",") if language == "fr" else text


def format_span(seconds: float, language: str) -> str:
    """Return a duration as text: `42 s`, `15 min`, `3 min 12 s`, `1 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{NO_BREAK_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{NO_BREAK_SPACE}min" + (
            f"{NO_BREAK_SPACE}{whole % 60:02}{NO_BREAK_SPACE}s" if whole % 60 else ""
        )
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{format_number(hours, language)}{NO_BREAK_SPACE}h{NO_BREAK_SPACE}{minutes:02}{NO_BREAK_SPACE}min"
