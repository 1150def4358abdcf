"""Texts of the board in French and English."""
# ruff: noqa: RUF001 - French has typographic apostrophes

import re
from typing import Final

from models.locale import C_, LANGUAGES, N_, translate
from streams.web.board.wall_texts import WALL_TEXTS

_POST_CLASSES: Final = {
    "post_lettre_verte": N_("Lettre verte"),
    "post_lettre_services_plus": N_("Services plus"),
    "post_lettre_recommandee": N_("Registered"),
    "post_lettre_recommandee_avec_avis": N_("Registered with receipt"),
    "post_economique": N_("Economy"),
    "post_lettre_en_ligne": N_("Online"),
    "post_courrier_ordinaire": N_("Ordinary post"),
    "post_colis": N_("Parcels"),
    "post_presse": N_("Press"),
    "post_autre": N_("Other post"),
}
_TEXTS: Final = {
    # the head
    "live_board": N_("Live board"),
    "other_language": N_("Français"),
    "to_table": N_("Go to the table of queues"),
    "light": N_("Light"),
    "dark": N_("Dark"),
    "data_as_of": N_("Figures as of"),
    "last_event": N_("Last data received:"),
    "no_script": N_("This board is kept up to date by JavaScript. The same figures: /api/board and /metrics."),
    # states of the data
    "connecting": N_("Connecting…"),
    "live": N_("Live"),
    "partly_live": N_("Partly live"),
    "stale": N_("Out-of-date data"),
    "catching_up": N_("Reading history"),
    "behind": N_("{when}"),
    "last_figures": N_("last figures {when}"),
    "at_time": N_("at {time}, {age} ago"),
    "at_date": N_("at {date}, {time}"),
    "empty": N_("Waiting for the first data"),
    "why_connection": N_("This board has lost the connection to its server; it keeps trying."),
    "why_crowded": N_(
        "Too many boards are open: this one waits for another to close (web.max_viewers, or the proxy’s limit_conn)."
    ),
    "why_no_broker": N_("Kafka does not answer."),
    "why_refused": N_("Kafka refuses the login or a right: see the log."),
    "why_no_topic": N_("The topic of figures does not exist yet (accueil topics apply)."),
    "why_loading": N_("Reading the existing figures…"),
    "why_no_figures": N_("The worker has not written all of its figures yet (accueil worker)."),
    "why_catching_up": N_(
        "A connector is reading an old log, or the worker is catching up: later events are not counted yet."
    ),
    "why_silent": N_("The worker has stopped writing (accueil worker)."),
    # channels whose history is being read
    "incomplete": N_("Figures not complete yet, because history is still being read: {channels}."),
    # a source that may have stopped
    "no_call_since": N_("No call since {time}."),
    "no_call_today": N_("No call today."),
    "at_site": N_("{site}: {words}"),
    "why_no_call": N_(
        "If the service is open, the switchboard may no longer be read: tell the administrator of "
        "Accueil (accueil connect)."
    ),
    "no_visit_since": N_("No visit since {time}."),
    "no_visit_today": N_("No visit today."),
    "no_mail_since": N_("No letter since {time}."),
    "no_mail_today": N_("No letter today."),
    "no_email_since": N_("No e-mail since {time}."),
    "no_email_today": N_("No e-mail today."),
    "no_form_since": N_("No online procedure since {time}."),
    "no_form_today": N_("No online procedure today."),
    "no_appointment_since": N_("No appointment booked since {time}."),
    "no_appointment_today": N_("No appointment booked today."),
    "no_feedback_since": N_("No opinion asked for since {time}."),
    "no_feedback_today": N_("No opinion asked for today."),
    "why_nobody": N_(
        "If the service is open, the source may no longer be read: tell the administrator of Accueil (accueil connect)."
    ),
    # records that connectors rejected
    "rejected": N_("Rejected: {n}"),
    "rejected_of": N_("{name}: {n}"),
    "rejected_rule": N_(
        "Rejected: records that sources sent today and that Accueil cannot use. Contacts may be missing, or stay open: "
        "tell the administrator of Accueil (accueil rejects list)."
    ),
    # channels
    "channel_call": N_("Telephone"),
    "channel_visit": N_("Front desks"),
    "channel_mail": N_("Letters"),
    "channel_email": N_("E-mails"),
    "channel_form": N_("Online procedures"),
    "channel_appointment": N_("Appointments"),
    "channel_feedback": N_("Opinions today"),
    # tiles
    "tiles": N_("Figures of all queues"),
    "waiting": N_("Waiting"),
    "tile_waiting": N_("Calls waiting"),
    "longest_wait": N_("Longest wait"),
    "service_level": N_("Service level today"),
    "abandonment": N_("Abandon rate"),
    "handled": N_("Answered today"),
    "agents_available": N_("Agents available"),
    "in_progress_now": N_("{n} in progress"),
    "nobody_waits": N_("nobody is waiting"),
    "not_available": N_("not available just now"),
    "no_agent": N_("No agent"),
    "no_agent_logged_in": N_("no agent logged in"),
    "in_target": N_("{numerator} of {denominator} within {target} s"),
    "abandoned_of": N_("{numerator} of {denominator}"),
    "short_apart": N_("excluding {short} within {limit} s"),
    "too_few": N_("Too few calls"),
    "no_call_yet": N_("no call yet"),
    "no_visit_yet": N_("no visit yet"),
    "of_received": N_("of {received} received, {left} left otherwise"),
    "agents_busy": N_("{busy} on contact, {paused} paused"),
    # levels
    "normal": N_("Normal"),
    "attention": N_("Attention"),
    "action": N_("Act"),
    "idle": N_("Idle"),
    "details": N_("Details: {name}"),
    # the table
    "queues": N_("Queues"),
    "queue": N_("Queue"),
    "state": N_("State"),
    "now": N_("Now"),
    "today": N_("Today"),
    "agents": N_("Agents"),
    "longest": N_("Longest"),
    "in_progress": N_("In progress"),
    "available": N_("Available"),
    "on_contact": N_("On contact"),
    "paused": N_("Paused"),
    "received": N_("Received"),
    "answered": N_("Answered"),
    "abandoned": N_("Abandoned"),
    "abandoned_of_short": N_("{short} of them within {limit} s, not counted in the rate"),
    "left": N_("Left otherwise"),
    "level_short": N_("Service level"),
    "level_recent": N_("Last 30 min"),
    "mean_wait": N_("Mean wait"),
    "mean_handle": N_("Mean handle time"),
    "state_rule": N_(
        "State: the most pressing mark of the row, or “No agent”; once closed, only marks of contacts that still wait."
    ),
    "no_agent_rule": N_("No agent: contacts wait, and no agent is available or on contact."),
    "share_rule": N_("Rates of fewer than {n} calls are grey, without a mark."),
    "sum_rule": N_(
        "Received = answered + abandoned (short ones too) + left otherwise (queue full, closed, "
        "diverted, timed out…) + waiting."
    ),
    "marks": N_("▲ attention, ■ act."),
    "from": N_("▲ from {attention}, ■ from {action}"),
    "below": N_("▲ below {attention}, ■ below {action}"),
    "sample": N_("{numerator} of {denominator}"),
    "small_sample_call": N_("{sample}: too few calls for a mark"),
    "small_sample_visit": N_("{sample}: too few visits for a mark"),
    "no_name": N_("No name"),
    "agents_unknown": N_("no source reports agents at the desk"),
    "no_queues": N_("No queue: queues appear with their first call, or as soon as they are configured."),
    # services
    "services": N_("Services"),
    "service": N_("Service"),
    "all_services": N_("All"),
    "no_service": N_("No service yet"),
    "closed": N_("Done"),
    "to_do": N_("To do"),
    "pending_citizen": N_("With citizen"),
    "oldest": N_("Oldest"),
    "first_response": N_("1st resp."),
    "mean_of": N_("mean of {n}"),
    "booked": N_("Booked"),
    "attended": N_("Attended"),
    "missed": N_("Missed"),
    "cancelled": N_("Cancelled"),
    "cancelled_by": N_("by the citizen: {citizen}, by the service: {service}"),
    "upcoming": N_("To come"),
    "given": N_("Answers"),
    "response": N_("Rate"),
    "answered_of_invited": N_("{numerator} answered, of {denominator} invited"),
    "few_invited": N_("too few invited for a rate: {denominator}"),
    "never_invited": N_("nobody is invited to answer"),
    "scale_csat_1_5": N_("Satisfied"),
    "scale_ces_1_5": N_("Ease, of\N{NO-BREAK SPACE}5"),
    "scale_ces_1_7": N_("Ease, of\N{NO-BREAK SPACE}7"),
    "scale_nps_0_10": N_("NPS"),
    "scale_jdma_0_10": N_("JDMA, of\N{NO-BREAK SPACE}10"),
    "few_answers": N_("too few answers for a score: {n}"),
    "services_rule": N_(
        "Received, done, booked, attended, missed, cancelled: today. The others: right now. Oldest: "
        "time since receipt, while the service has to act. 1st resp.: mean time to the first "
        "responses of today, nights and weekends included."
    ),
    "opinions_rule": N_(
        "Satisfied: scores 4 and 5. NPS: share of 9 and 10, minus that of 0 to 6. In brackets: "
        "number of answers; of fewer than {n}, no score. Rate: citizens who answered today ÷ "
        "citizens invited today, where invitations are used; of fewer than {n} invited, no rate; "
        "above 100%, if earlier invitations are answered."
    ),
    # SLA targets
    "sla_targets": N_("SLA targets"),
    "sla_target": N_("SLA target"),
    "sla_target_of": N_("{channel} – {clock}"),
    "short_form": N_("Procedures"),
    "clock_answer": N_("Answer"),
    "clock_acknowledge": N_("Acknowledgement"),
    "clock_first_response": N_("First response"),
    "clock_announced": N_("Announced delay"),
    "clock_resolution": N_("Resolution"),
    "running": N_("On time"),
    "at_risk": N_("At risk"),
    "overdue": N_("Overdue"),
    "longest_overdue": N_("Longest overdue"),
    "kept": N_("SLA targets met"),
    "kept_of": N_("{numerator} of {denominator} met today."),
    "objective": N_("Objective: {share}."),
    "number": N_("Number"),
    "deadline": N_("Deadline"),
    "working": N_("Working time"),
    "late_heading": N_("Overdue, the longest first"),
    "more_late": N_("and {n} more, contacts: {contacts}"),
    "due_heading": N_("Next deadlines"),
    "late": N_("late"),
    "late_by": N_("late by {time}"),
    "at_risk_left": N_("at risk, {time} left"),
    "time_left": N_("{time} left"),
    "due_now": N_("due within 5 minutes"),
    "due_on": N_("end of the day, {date}"),
    "due_at": N_("{date}, {time}"),
    "due_from": N_("{date}, from {time} on"),
    "working_day": N_("{n} working day"),
    "working_days": N_("{n} working days"),
    "working_time": N_("{time} of opening"),
    "working_times": C_("board", "{time} of opening"),
    "open": N_("Open"),
    "open_until_time": N_("Open until {time}"),
    "open_until_date": N_("Open until {date}, {time}"),
    "shut": C_("board", "Closed"),
    "still_waiting": N_("{n} waiting"),
    "still_in_progress": N_("{n} in progress"),
    "shut_until_time": N_("Closed, opens at {time}"),
    "shut_until_date": N_("Closed, opens {date}, {time}"),
    "sla_targets_rule": N_(
        "On time, at risk, overdue, paused (the citizen has to act): right now. "
        "SLA targets met: met ÷ (met + missed), today; ▲ below the objective."
    ),
    "deadlines_rule": N_(
        "Working time: hours and days of opening, by the calendar of the SLA target. Deadlines: to "
        "within 5 minutes; from tomorrow on, those of a day are one line, at its first deadline. "
        "Calls and visits are in their queues."
    ),
    # details: reasons for contact, lines, menus, callbacks, post
    "details_title": N_("Reasons, lines, callbacks, post"),
    "title_reasons": N_("Reasons for contact"),
    "title_lines": N_("Calls by line"),
    "title_menu": N_("Voice menu"),
    "title_callbacks": N_("Voice messages and callbacks"),
    "title_post": N_("Post counted, 7 days"),
    "reason": C_("board", "Reason"),
    "all_channels": N_("All"),
    "line": N_("Line"),
    "line_arrived": N_("Arrived"),
    "line_queued": N_("Reached a queue"),
    "line_unqueued": N_("No queue"),
    "unknown_line": N_("Unknown line"),
    "menu_choice": N_("Choice"),
    "menu_chosen": N_("Calls"),
    "messages_left": N_("Messages left"),
    "messages_heard": N_("Messages heard"),
    "mean_hearing": N_("Mean delay to hear"),
    "callbacks_requested": N_("Callbacks requested"),
    "called_back": C_("board", "Called back"),
    "mean_callback": N_("Mean callback delay"),
    "post_class": N_("Direction and class"),
    "post_of": N_("{direction} – {post_class}"),
    "post_items": N_("Items"),
    "of_which_today": N_("Of which today"),
    "post_cost": N_("Postage"),
    "direction_incoming": N_("Incoming"),
    "direction_outgoing": N_("Outgoing"),
    **_POST_CLASSES,
    "lines_rule": N_(
        "Reasons, lines, menu choices, messages and callbacks: today. No queue: arrived − reached a queue; these calls "
        "ended in the voice menu, or have not entered a queue yet."
    ),
    "callbacks_rule": N_(
        "Mean delays: from the message until an agent first listened to it; from the message or the request until the "
        "first callback."
    ),
    "post_rule": N_(
        "Post: items that a mailroom or a franking machine counted in total, in the last 7 days, today included."
    ),
    # the chart
    "chart": N_("Calls today, per 5 minutes"),
    "chart_summary": N_("Today’s curve: {received} received, {answered} answered, {abandoned} abandoned."),
    "chart_at": N_("at {time}"),
    "chart_under_way": N_("since {time}, under way"),
    "under_way": N_("under way"),
    "chart_today": N_("today"),
    # the foot: one name and one formula per `Formula`
    "name_answered_share": N_("of answered"),
    "name_removed_share": N_("quick abandons included"),
    "name_offered_share": N_("of all received"),
    "name_net_of_short": N_("without short abandons"),
    "formula_answered_share": N_("Service level: answered within {target} s ÷ answered."),
    "formula_removed_share": N_("Service level: (answered + abandoned) within {target} s ÷ (answered + abandoned)."),
    "formula_offered_share": N_("Service level: answered within {target} s ÷ (answered + abandoned + left otherwise)."),
    "formula_net_of_short": N_(
        "Service level: answered within {target} s ÷ (answered + abandoned after more than {limit} s)."
    ),
    "desk_target": N_("At front desks: within {target}."),
    "abandonment_formula": N_("Abandon rate: abandoned after more than {limit} s ÷ (answered + those abandoned)."),
    "definitions": N_("How these figures are defined"),
    "sources": N_("The same figures:"),
}

_NO_BREAK: Final = re.compile(r" (?=[:;?!÷%»]|s(?![\w’]))|(?<=«) ")
"""Spaces that must not break: around double punctuation marks (Imprimerie nationale), before ÷, % and the unit of seconds."""

TEXTS: Final = {
    language: {
        name: _NO_BREAK.sub("\N{NO-BREAK SPACE}", translate(text, language))
        for name, text in (_TEXTS | WALL_TEXTS).items()
    }
    for language in LANGUAGES
}
