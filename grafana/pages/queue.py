"""File: queues of the telephone and desks, and the agents who serve them."""

from typing import Final

from grafana.page import Page, Section
from grafana.panels import CLOCK, SHARE, Bars, Column, Curve, Heat, Key, Query, Table, Tile
from grafana.promql import Scope, ratio
from grafana.shared import (
    BOARD,
    DESKS,
    LEVEL,
    OF_CALLS,
    QUEUED,
    WAITING,
    abandonment_today,
    mean_handle,
    mean_wait,
    service_level_of_late,
    service_levels,
    waits,
)
from grafana.words import AGENTS, Vocabulary, Words, board
from models.topics import Channel
from streams.web.options import LONGEST_WAIT_SECONDS, Thresholds

ON: Final = Scope("site", "service", "queue")
EACH: Final = "site, service, queue"
IN_A_QUEUE: Final = 'queue!=""'
"""Of agents: who serves several queues is in each."""
AT_WORK: Final = 'state=~"available|on_contact"'
LEFT: Final[Vocabulary] = {
    "full": Words("File pleine", "Queue full"),
    "closed": Words("Fermée", "Closed"),
    "diverted": Words("Renvoi", "Diverted"),
    "timeout": Words("Délai dépassé", "Timed out"),
    "empty": board("no_agent"),
    "key": Words("Touche", "Key"),
    "withdrawn": Words("Retirés", "Withdrawn"),
    "forgotten": Words("Sans nouvelles", "Not heard of again"),
    "incompatible": Words("Incompatibles", "Incompatible"),
    "other": Words("Autres", "Other"),
}


def _queues(title: Words, which: str, longest: Thresholds, *further: Column) -> Table:
    """Return the table of some queues, with what is `longest` for them to wait, and further columns."""
    return Table(
        title=title,
        about=Words(
            "En attente, la plus longue (maintenant − arrivée du plus ancien), agents : en ce moment. Reçus, répondus,"
            " niveau de service (répondus dans la cible ÷ (répondus + abandons non courts)), taux d’abandon : depuis minuit,"
            " exact.",
            "Waiting, longest (now − arrival of the oldest), agents: right now. Received, answered, service level"
            " (answered within the target ÷ (answered + abandons that were not short)), abandon rate: since midnight,"
            " exact.",
        ),
        keys=(
            Key("site", Words("Site", "Site")),
            Key("service", board("service"), page="channel"),
            Key("queue", board("queue"), page="queue"),
        ),
        columns=(
            Column(
                board("waiting"),
                ON.now("contact_backlog_items", which, 'state="waiting"', by=EACH),
                levels=WAITING,
            ),
            Column(
                board("longest"),
                ON.age("contact_oldest_item_timestamp_seconds", which, by=EACH),
                CLOCK,
                levels=longest,
            ),
            *further,
            Column(board("received"), ON.today("received", which, by=EACH)),
            Column(board("answered"), ON.today("answered", which, by=EACH)),
            Column(
                board("level_short"), ON.service_level_today(which, LEVEL, by=EACH), SHARE, levels=BOARD.service_level
            ),
            Column(board("abandonment"), abandonment_today(ON, which, by=EACH), SHARE, levels=BOARD.abandonment),
        ),
    )


PAGE: Final = Page(
    name="queue",
    title=board("queue"),
    about=Words(
        "Les files du téléphone et des guichets : qui attend, qui répond, à quel niveau de service.",
        "Queues of the telephone and front desks: who waits, who answers, at which service level.",
    ),
    scope=ON,
    refresh="10s",
    sections=(
        Section(
            board("queues"),
            (
                _queues(
                    Words("Files du téléphone", "Queues of the telephone"),
                    OF_CALLS,
                    LONGEST_WAIT_SECONDS[Channel.CALL],
                    Column(board("available"), ON.now("contact_agents", OF_CALLS, 'state="available"', by=EACH)),
                ),
                _queues(board("channel_visit"), DESKS, LONGEST_WAIT_SECONDS[Channel.VISIT]),
            ),
        ),
        Section(
            board("today"),
            (
                service_levels(ON),
                mean_wait(ON),
                Tile(
                    title=Words("90 % attendent au plus", "90 % wait at most"),
                    about=Words(
                        "Neuvième décile des attentes des répondus, sur la période, estimé dans sa classe :"
                        " histogram_quantile(0,9) de contact_wait_seconds.",
                        "Ninth decile of the waits of the answered, over the time looked at, estimated within its"
                        " bucket: histogram_quantile(0.9) of contact_wait_seconds.",
                    ),
                    unit=CLOCK,
                    query=ON.quantile(0.9, "contact_wait_seconds"),
                    width=4,
                    height=6,
                ),
                mean_handle(ON),
                Tile(
                    title=Words("Occupation", "Occupancy"),
                    about=Words(
                        "Agents en ligne ÷ (disponibles + en ligne), en ce moment ; les pauses n’y sont pas : contact_agents.",
                        "Agents on contact ÷ (available + on contact), right now; who is paused is not in it: contact_agents.",
                    ),
                    unit=SHARE,
                    query=ratio(
                        ON.now("contact_agents", IN_A_QUEUE, 'state="on_contact"'),
                        ON.now("contact_agents", IN_A_QUEUE, AT_WORK),
                    ),
                    nothing=board("no_agent_logged_in"),
                    width=4,
                    height=6,
                ),
            ),
        ),
        Section(
            Words("Dans le temps", "Over time"),
            (
                Curve(
                    title=Words("Reçus, répondus, abandonnés", "Received, answered, abandoned"),
                    about=Words(
                        "Croissance des compteurs contact_received_total, contact_answered_total,"
                        " contact_abandoned_total entre deux points.",
                        "Growth of the counters contact_received_total, contact_answered_total, contact_abandoned_total"
                        " from point to point.",
                    ),
                    queries=(
                        Query(ON.growth("contact_received_total", QUEUED), board("received")),
                        Query(ON.growth("contact_answered_total", QUEUED), board("answered")),
                        Query(ON.growth("contact_abandoned_total", QUEUED), board("abandoned")),
                    ),
                ),
                Curve(
                    title=board("agents"),
                    about=Words(
                        "Agents par état ; qui sert plusieurs des files choisies compte dans chacune : contact_agents.",
                        "Agents by state; who serves several of the chosen queues counts in each: contact_agents.",
                    ),
                    queries=(Query(ON.now("contact_agents", IN_A_QUEUE, by="state")),),
                    by="state",
                    names=AGENTS,
                ),
                service_level_of_late(ON),
                waits(ON),
                Heat(
                    title=Words("Attentes des abandonnés", "Waits of the abandoned"),
                    about=Words(
                        "Nombre d’abandonnés, par attente : croissance des classes de contact_abandon_wait_seconds.",
                        "How many abandoned, by wait: growth of the buckets of contact_abandon_wait_seconds.",
                    ),
                    unit=CLOCK,
                    query=ON.buckets("contact_abandon_wait_seconds"),
                ),
                Bars(
                    title=board("left"),
                    about=Words(
                        "Sortis de la file sans réponse ni abandon, sur la période, par raison : contact_left_queue_total.",
                        "Left the queue neither answered nor abandoned, during the time looked at, by reason:"
                        " contact_left_queue_total.",
                    ),
                    queries=(Query(ON.during("contact_left_queue_total", by="reason")),),
                    by="reason",
                    names=LEFT,
                    width=12,
                ),
            ),
        ),
    ),
)
