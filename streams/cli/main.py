"""The command `accueil`: the one place where the parts are put together."""

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.base import Group, config_file, pass_settings, start_logging
from streams.locale.i18n import say
from streams.runtime.errors import OperatorError, operator_errors

if TYPE_CHECKING:
    from streams.settings.schema import Settings

LAZY = {
    "api": (
        "streams.cli.api:command",
        say("Serve citizens' timelines over HTTP.", "Sert les fils des usagers par HTTP."),
    ),
    "audit": (
        "streams.cli.audit:group",
        say("Who read what of whom: verify it, show it.", "Qui a lu quoi de qui : le vérifier, le montrer."),
    ),
    "bench": (
        "streams.cli.bench:command",
        say("Throughput and latency, beside the peers.", "Débit et latence, à côté des autres moteurs."),
    ),
    "connectors": (
        "streams.cli.connectors:group",
        say("Connectors: list, check, document, begin one.", "Les connecteurs : lister, vérifier, décrire, commencer."),
    ),
    "dead-letters": (
        "streams.cli.dead_letters:group",
        say(
            "Records that could not be used: list, show, replay.", "Les enregistrements inutilisables : voir, rejouer."
        ),
    ),
    "desk": (
        "connectors.kiosk.command:command",
        say("The pages of a front desk: tickets, and calls.", "Les pages d'un guichet : les tickets, les appels."),
    ),
    "explain": (
        "streams.cli.explain:command",
        say("What a figure is made of: contacts and events.", "De quoi un chiffre est fait : contacts, événements."),
    ),
    "forecast": (
        "streams.cli.forecast:command",
        say(
            "How many will come today, and the agents needed.",
            "Combien viendront aujourd'hui, et les agents qu'il faut.",
        ),
    ),
    "links": (
        "streams.cli.links:group",
        say("Links between identities: list, revoke, restore.", "Les liens entre identités : lister, révoquer."),
    ),
    "metrics": (
        "streams.cli.metrics:command",
        say("What each metric means, as a page.", "Le sens de chaque métrique, en une page."),
    ),
    "notify": (
        "streams.cli.notify:group",
        say(
            "Tell of SLA deadlines: Alertmanager, webhooks, mail.",
            "Signale les échéances : Alertmanager, webhooks, mail.",
        ),
    ),
    "recompute": (
        "streams.cli.recompute:command",
        say("Count all figures again from the log, report what differs.", "Recompter les chiffres depuis le journal."),
    ),
    "rejects": (
        "streams.cli.rejects:group",
        say(
            "What connectors could not map: list, show, replay.",
            "Ce que les connecteurs n'ont pu lire : voir, rejouer.",
        ),
    ),
    "report": (
        "streams.cli.report:command",
        say("Write a report of a day, week, month or year.", "Écrit le rapport d'un jour, d'un mois ou d'une année."),
    ),
    "retention": (
        "streams.cli.retention:group",
        say("How long is kept what: show it, apply it.", "Combien de temps chaque chose est gardée : voir, appliquer."),
    ),
    "sla": (
        "streams.cli.sla:group",
        say("What is promised: check it, explain it.", "Les délais promis : les vérifier, les expliquer."),
    ),
    "timeline": (
        "streams.cli.timeline:group",
        say("Citizens' timelines: write them, show one.", "Les fils des usagers : les écrire, en montrer un."),
    ),
    "tokens": (
        "streams.cli.tokens:group",
        say("Who may ask the API: add, list, rotate, revoke.", "Qui peut interroger l'API : ajouter, voir, retirer."),
    ),
    "survey-reference": (
        "connectors.survey.reference_command:command",
        say("References of contacts, for links to surveys.", "Les références de contacts, pour les liens d'enquêtes."),
    ),
}

SIMULATORS = "accueil.simulators"
"""Group of entry points: click commands under `accueil simulate` that are no single connector's."""


@click.group(
    cls=Group,
    lazy=LAZY,
    help=say(
        "The contact centre of a public service, as one stream of events.", "L'accueil d'un service public, en flux."
    ),
    epilog=say(
        "Settings: accueil.toml and ACCUEIL_* variables (accueil config check).",
        "Réglages : accueil.toml et variables ACCUEIL_* (accueil config check).",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=say("Settings file, instead of ./accueil.toml.", "Fichier de réglages, au lieu de ./accueil.toml."),
)
def main(config: Path | None) -> None:
    """Hold the commands below."""


@main.command(
    help=say("Start everything on this machine.", "Démarre tout sur cette machine."),
    epilog=say(
        "It shows where each part answers /healthz, /readyz and /metrics.",
        "Montre où chaque partie répond à /healthz, /readyz et /metrics.",
    ),
)
@click.option("--demo", is_flag=True, help=say("With simulated source systems.", "Avec des outils simulés."))
@click.option(
    "--verbose", is_flag=True, help=say("Show all that the parts say.", "Montre tout ce que disent les parties.")
)
@click.pass_context
def up(context: click.Context, *, demo: bool, verbose: bool) -> None:
    """Broker, topics, worker, connectors and board as one process tree."""
    from streams.runtime import supervisor as tree  # noqa: PLC0415

    with operator_errors():
        sys.exit(tree.up(config_file(context), demo=demo, verbose=verbose))


@main.command(help=say("Run one worker.", "Fait tourner un worker."))
@click.pass_context
@pass_settings
def worker(settings: "Settings", context: click.Context) -> None:
    """Events in, rows and figures out."""
    from streams.runtime import worker as program  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(program.run(settings, config_file(context)))


@main.command(help=say("Run connectors: those named, or all.", "Fait tourner des connecteurs : ceux-là, ou tous."))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_context
@pass_settings
def connect(settings: "Settings", context: click.Context, names: tuple[str, ...]) -> None:
    """Read source systems and publish what happened."""
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(process_specs.connect(settings, names, config_file(context)))


@main.command(help=say("Serve the live board and the metrics.", "Sert le tableau en direct et les métriques."))
@click.pass_context
@pass_settings
def web(settings: "Settings", context: click.Context) -> None:
    """Figures for people and for Prometheus."""
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(process_specs.serve(settings, config_file(context)))


@main.command(help=say("Run Accueil's own broker alone.", "Fait tourner seul le broker d'Accueil."))
@click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    default=0,
    help=say("Where /readyz answers; 0: nowhere.", "Où répond /readyz ; 0 : nulle part."),
)
@pass_settings
def broker(settings: "Settings", health_port: int) -> None:
    """Apache Kafka on 127.0.0.1, with its data in the data directory."""
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(process_specs.run_broker(settings, health_port))


@main.group(help=say("Kafka's topics.", "Les topics de Kafka."))
def topics() -> None:
    """Hold the command below."""


@topics.command(help=say("Create what is missing, set what differs.", "Crée ce qui manque, règle ce qui diffère."))
@click.option(
    "--wait", default=30.0, show_default=True, help=say("For a broker, seconds.", "Attente d'un broker, en secondes.")
)
@pass_settings
def apply(settings: "Settings", wait: float) -> None:
    """Make all topics be as the vocabulary says."""
    from streams.kafka.topic_catalogue import apply_topics, specs  # noqa: PLC0415
    from streams.runtime.instance_lock import find_cluster  # noqa: PLC0415

    with operator_errors():
        brokers, client = find_cluster(settings)
        changes = apply_topics(settings, brokers, wait, client=client)
    count = len(specs(settings))
    for line in changes or [say(f"{count} topics, as they must be", f"{count} topics, tous conformes")]:
        click.echo(line)


class Simulators(Group):
    """The commands of the connectors that can simulate their systems, and what simulates many of them together."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of those connectors, after those of entry points `accueil.simulators`."""
        from connectors.sdk import registry  # noqa: PLC0415

        together = sorted(entry_points(group=SIMULATORS).names)
        return together + [name for name in registry.names() if self.get_command(ctx, name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of that name, if there is one."""
        from connectors.sdk import errors, registry  # noqa: PLC0415

        for together in entry_points(group=SIMULATORS, name=cmd_name):
            command: click.Command = together.load()
            return command
        if cmd_name not in registry.names():
            return None
        try:
            return registry.load(cmd_name).simulate
        except errors.ConfigError as error:
            raise OperatorError(str(error)) from None


@main.group(
    cls=Simulators,
    help=say("Write what a source system would.", "Écrit ce qu'écrirait un outil source."),
)
def simulate() -> None:
    """Hold the commands of the connectors."""


@main.group(name="config", help=say("The settings.", "Les réglages."))
def config_() -> None:
    """Hold the command below."""


@config_.command(
    help=say("Show what is in force, and where it comes from.", "Montre ce qui est en vigueur, et d'où cela vient.")
)
@click.pass_context
def check(context: click.Context) -> None:
    """Print every setting; an error if any cannot be used."""
    from streams.runtime import process_specs  # noqa: PLC0415
    from streams.runtime.prechecks import find_warnings  # noqa: PLC0415
    from streams.settings.loader import describe, find_origin, load  # noqa: PLC0415
    from streams.settings.sla_file import load_policies  # noqa: PLC0415

    with operator_errors():
        settings = load(config_file(context))
        process_specs.configure_connectors(settings, config=config_file(context))
        settings.kafka.client_options()
        if settings.timeline.url:
            from streams.runtime.timeline_database import check_driver  # noqa: PLC0415 - brings the database's libraries

            check_driver(settings)
        load_policies(settings.sla, find_origin("sla", config_file(context)))
    lines = [
        (f"{key} = {json.dumps(value, ensure_ascii=False)}", origin)
        for key, value, origin in describe(settings, config_file(context))
    ]
    width = max(len(line) for line, _ in lines)
    for line, origin in lines:
        click.echo(f"{line:<{width}}  # {origin}")
    for warning in find_warnings(settings):
        click.echo(f"accueil: {warning}", err=True)


@main.command(help=say("Show the version.", "Montre la version."))
def version() -> None:
    """Print the version of what is installed."""
    from importlib.metadata import version as version_of  # noqa: PLC0415

    click.echo(f"accueil {version_of('accueil')}")


if __name__ == "__main__":
    main(prog_name="accueil")
