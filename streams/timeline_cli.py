"""`accueil timeline`: write citizens' timelines, and show one in the terminal."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Final

import click

from models.identities import IdentityKind
from models.sla import SOURCE
from streams.access.audit import Purpose, Result
from streams.access.permissions import Operation
from streams.acts import check_whose, record_act
from streams.core.clocks import Kind
from streams.core.links import Story
from streams.core.promises import Standing
from streams.core.summary import Due, Summary, Verdict, put_in_order, sum_up
from streams.listing import EXIT_NOT_FOUND, print_table, tell_deadline, when, word, words_of
from streams.rights.telling import Words, tell_entry
from streams.running import pass_settings_here
from streams.sectors import choose_sector
from streams.settings import Settings
from streams.terminal import EXIT_RESTART, Group, OperatorError, ask, clear_errors, pass_settings, start_logging
from streams.whose import ask_for, name_options, tell_away
from streams.words import say

if TYPE_CHECKING:
    from streams.timeline.links import Known

REASON: Final = click.Choice([purpose.value for purpose in Purpose])
PAGE: Final = 50
MOST_LINKS: Final = 1000
"""So many links of what is asked for are looked at, whether they were revoked."""
LOOKED_AT: Final = 500
"""So many of the latest entries tell which matters are open, and what is due."""
STANDINGS: Final = {
    Standing.AT_RISK: ("at risk", "bientôt"),
    Standing.OVERDUE: ("overdue", "en retard"),
    Standing.PAUSED: ("paused: it is for the citizen to act", "suspendu : à l'usager d'agir"),
}


LAZY: Final = {
    "rebuild": (
        "streams.rebuild_cli:command",
        say("Read the topic again into a new database.", "Relire le topic dans une base neuve."),
    ),
    "erase": (
        "streams.rights_cli:erase",
        say(
            "Erase a citizen, and prove it (GDPR, article 17).", "Effacer un usager, preuve à l'appui (RGPD, art. 17)."
        ),
    ),
    "erasure": (
        "streams.rights_cli:erasure",
        say("How far an erasure is, or its proof.", "Où en est un effacement, ou sa preuve."),
    ),
    "export": (
        "streams.rights_cli:export",
        say(
            "All that is held about a citizen (GDPR, article 15).",
            "Tout ce qui est conservé sur un usager (RGPD, art. 15).",
        ),
    ),
}


@click.group(
    cls=Group,
    name="timeline",
    lazy=LAZY,
    invoke_without_command=True,
    help=say("Write citizens' timelines into the database.", "Écrit les fils des usagers dans la base."),
)
@click.pass_context
def group(context: click.Context) -> None:
    """Write them until a signal comes, unless a command is given."""
    if context.invoked_subcommand is None:
        context.invoke(run)


@click.command
@pass_settings
def run(settings: Settings) -> None:
    """Read `citizen.timeline.v1`, and write."""
    from streams import timeline_process  # noqa: PLC0415
    from streams.timeline.database import Unavailable  # noqa: PLC0415

    start_logging(settings)
    with clear_errors():
        try:
            sys.exit(timeline_process.run(settings))
        except Unavailable as error:
            raise OperatorError(tell_away(error), EXIT_RESTART) from None


@group.command(
    help=say(
        "Show a citizen's timeline, latest first. NAME is a contact id or a pseudonym; without it, the number, address or "
        "reference is asked for, so that it stands in no command line.",
        "Montrer le fil d'un usager, le plus récent d'abord. NAME est un contact ou un pseudonyme ; sans lui, le numéro, "
        "l'adresse ou la référence est demandé, pour n'apparaître dans aucune ligne de commande.",
    )
)
@name_options
@click.option(
    "--why",
    type=REASON,
    help=say(
        "Asked for if not given; recorded with who asks, and for whom.",
        "Demandé à défaut ; enregistré avec qui demande, et pour qui.",
    ),
)
@click.option("--limit", type=click.IntRange(1, 10_000), default=PAGE, show_default=True)
@pass_settings_here
def show(settings: Settings, name: str | None, kind: str, sector: str | None, why: str | None, limit: int) -> None:
    """Find the entries, record who asked for whom and what came of it, then print: nothing is shown before it is recorded."""
    from streams.timeline.database import Unavailable  # noqa: PLC0415
    from streams.timelines import check_there, find_sector, open_timeline  # noqa: PLC0415

    with clear_errors():
        check_whose(name or "")
        where = "" if name else choose_sector(settings, sector)
        check_there(settings)
        asked = name or ask_for(settings, IdentityKind(kind), where)
        purpose = why or ask(say("why", "pourquoi"), type=REASON)
        operation = Operation.READ_TIMELINE if name else Operation.LOOK_UP
        try:
            timeline = open_timeline(settings)
            try:
                where = where or find_sector(settings, timeline, asked)
                most = max(limit + 1, LOOKED_AT)
                entries, story, links = timeline.read_contact(asked, most)[::-1], Story({}, {}), []
                if not entries:
                    story = timeline.tell_story(asked)
                    entries = timeline.read(story.identities, most)
                    links = [one for one in timeline.read_links(asked, MOST_LINKS) if one.revoked_at and one.contacts]
                matters = sum_up(entries, int(time.time() * 1000), timeline.read_promises)
            finally:
                timeline.close()
        except Unavailable as error:
            record_act(settings, operation, asked, Purpose(purpose), where, Result.FAILED)
            raise OperatorError(tell_away(error), EXIT_RESTART) from None
        is_known = bool(entries or story.shared or links)
        record_act(settings, operation, asked, Purpose(purpose), where, Result.SHOWN if is_known else Result.NOT_FOUND)
    if entries:
        words = words_of(settings)
        _print_matters(matters, words)
        _print(put_in_order(entries[:limit])[::-1], words)
    if len(entries) > limit:
        click.echo(say("there are more before these: --limit", "il y en a d'autres avant : --limit"), err=True)
    _explain(asked, story)
    _explain_revoked(links, settings.web.zone)
    if not entries:
        raise OperatorError(
            say("nothing to show", "rien à montrer")
            if story.shared or links
            else say("nothing is known of them", "rien n'est connu"),
            EXIT_NOT_FOUND,
        )


def _print_matters(contacts: Sequence[Summary], words: Words) -> None:
    """Print the open matters, what is due until when, and what became of what else was promised."""
    matters = [contact for contact in contacts if contact.is_open]
    if not matters:
        click.echo(say("no open matter", "aucune affaire en cours"), err=True)
        return
    titles = (
        say("open matter", "affaire en cours"),
        "service",
        say("state", "état"),
        say("since", "depuis"),
        say("due", "échéances"),
        say("promises", "délais"),
    )
    rows = [
        (
            matter.contact,
            words.where_in_full(matter.site, matter.service),
            word("state", matter.state),
            _tell_since(matter, words.zone),
            ", ".join(_tell_due(due, words.zone) for due in matter.due) or say("none told", "non dit"),
            ", ".join(_tell_promise(promise, words.zone) for promise in matter.promises) or say("none told", "non dit"),
        )
        for matter in matters
    ]
    print_table(titles, rows)
    click.echo()


def _tell_since(matter: Summary, zone: tzinfo) -> str:
    since = when(matter.since, zone)
    if matter.admitted_at is None:
        return since
    received = when(matter.admitted_at, zone)
    return say(f"{since} (received {received})", f"{since} (reçu {received})")


def _tell_promise(promise: Verdict, zone: tzinfo) -> str:
    told = word("type", f"sla.{promise.state}").lower()
    if promise.state == Kind.BREACHED:  # it was so at the deadline
        at = tell_deadline(promise.at, zone)
        told += say(f", due {at}", f", échéance {at}")
    return f"{word('clock', promise.clock)} ({told})"


def _tell_due(due: Due, zone: tzinfo) -> str:
    deadline = "" if due.due_at is None else f" {tell_deadline(due.due_at, zone)}"
    standing = "" if due.state is Standing.RUNNING else f" ({say(*STANDINGS[due.state])})"
    return f"{word('clock', due.clock)}{deadline}{standing}"


def _print(entries: Sequence[Mapping[str, Any]], words: Words) -> None:
    print_table(
        (
            say("when", "quand"),
            say("what", "quoi"),
            say("service", "service"),
            say("state", "état"),
            say("outcome", "issue"),
            say("contact", "contact"),
        ),
        list(_lines(entries, words)),
    )


def _explain(asked: str, story: Story) -> None:
    """Say on the standard error what belongs together, what does not, and what was left out."""
    for identity, link in story.identities.items():
        if link is not None:
            click.echo(say(f"{identity}: linked to {link.one}", f"{identity} : lié à {link.one}"), err=True)
    if not story.is_own:
        number, others = len(story.shared), ", ".join(story.shared)
        more = "" if story.is_whole else " …"
        click.echo(
            say(f"{asked}: belongs to {number}: {others}{more}", f"{asked} : appartient à {number} : {others}{more}"),
            err=True,
        )
        return
    for identity in story.shared:
        click.echo(
            say(f"{identity}: others' too, not shown", f"{identity} : aussi à d'autres, non montré"),
            err=True,
        )
    if not story.is_whole:
        click.echo(say("more than is shown belongs here", "il y a davantage que ce qui est montré"), err=True)


def _explain_revoked(links: Sequence["Known"], zone: tzinfo) -> None:
    """Say on the standard error of which links no contact is shown, since they were revoked, and how that is undone."""
    for known in links[:PAGE]:
        one, other = known.link
        at, ground = when(known.revoked_at or 0, zone), word("ground", known.reason or "")
        click.echo(
            say(
                f"{one}, {other}: told together by {known.contacts} contacts, but revoked {at} ({ground}); "
                f"accueil links restore {one} {other}",
                f"{one}, {other} : donnés ensemble par {known.contacts} contacts, mais lien révoqué le {at} ({ground}) ; "
                f"accueil links restore {one} {other}",
            ),
            err=True,
        )
    if (more := len(links) - PAGE) > 0:
        click.echo(
            say(f"and {more} more links: accueil links list", f"et {more} autres liens : accueil links list"), err=True
        )


def _lines(entries: Sequence[Mapping[str, Any]], words: Words) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        yield (
            when(entry["happened_at"], words.zone),
            tell_entry(entry["type"], entry["detail"], words),
            words.where_in_full(entry["site"], entry["service"]),
            *(
                ("", "")
                if entry["source"] == SOURCE
                else (word("state", entry["state"]), word("outcome", entry["outcome"]))
            ),  # a promise is judged later
            entry["contact"],
        )
