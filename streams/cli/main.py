"""Entry point of the `accueil` command."""

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
        say("Serve the timeline API and its web page.", "Servir l'API des fils d'usagers et sa page web."),
    ),
    "audit": (
        "streams.cli.audit:group",
        say(
            "Audit log of accesses to citizens' data: show, verify.", "Journal d'audit des accès : afficher, vérifier."
        ),
    ),
    "bench": (
        "streams.cli.bench:command",
        say("Compare throughput and latency with other engines.", "Comparer débit et latence à d'autres moteurs."),
    ),
    "connectors": (
        "streams.cli.connectors:group",
        say("Connectors: list, check, document, create.", "Connecteurs : lister, vérifier, documenter, créer."),
    ),
    "dead-letters": (
        "streams.cli.dead_letters:group",
        say(
            "Records that workers rejected: list, show, replay.",
            "Enregistrements rejetés par les workers : lister, afficher, rejouer.",
        ),
    ),
    "kiosk": (
        "connectors.kiosk.command:command",
        say("Serve a front desk's ticket kiosk and agent page.", "Servir la borne à tickets et la page des agents."),
    ),
    "explain": (
        "streams.cli.explain:command",
        say("List the contacts and events behind a figure.", "Lister les contacts et événements d'un chiffre."),
    ),
    "forecast": (
        "streams.cli.forecast:command",
        say("Forecast today's contacts and the agents needed.", "Prévoir les contacts du jour et les agents requis."),
    ),
    "links": (
        "streams.cli.links:group",
        say(
            "Links between a citizen's identities: list, revoke, restore.",
            "Liens entre les identités d'un usager : lister, révoquer, rétablir.",
        ),
    ),
    "metrics": (
        "streams.cli.metrics:command",
        say("Print the reference of all Prometheus metrics.", "Afficher la référence des métriques Prometheus."),
    ),
    "notify": (
        "streams.cli.notify:group",
        say(
            "Send SLA alerts to Alertmanager, webhooks and mailboxes.",
            "Envoyer les alertes de délais : Alertmanager, webhooks, mail.",
        ),
    ),
    "recompute": (
        "streams.cli.recompute:command",
        say("Recompute all figures from events, report differences.", "Recalculer les chiffres, signaler les écarts."),
    ),
    "rejects": (
        "streams.cli.rejects:group",
        say(
            "Source records that connectors rejected: list, show, replay.",
            "Enregistrements rejetés par les connecteurs : lister, afficher, rejouer.",
        ),
    ),
    "report": (
        "streams.cli.report:command",
        say("Write a report for a day, week, month or year.", "Écrire le rapport d'un jour, d'un mois ou d'une année."),
    ),
    "retention": (
        "streams.cli.retention:group",
        say("Retention periods of all data: show, apply.", "Durées de conservation : afficher, appliquer."),
    ),
    "sla": (
        "streams.cli.sla:group",
        say("SLA targets and deadlines: check, list, explain.", "Délais promis : vérifier, lister, expliquer."),
    ),
    "timeline": (
        "streams.cli.timeline:group",
        say("Citizens' timelines: write, show, export, erase.", "Fils des usagers : écrire, afficher, effacer."),
    ),
    "tokens": (
        "streams.cli.tokens:group",
        say("API tokens: add, list, rotate, revoke.", "Jetons de l'API : ajouter, lister, renouveler, retirer."),
    ),
    "survey-reference": (
        "connectors.survey.reference_command:command",
        say("Print contact references for survey links.", "Afficher les références pour les liens d'enquête."),
    ),
}
"""Commands imported when they are called: name → import path and line of help."""

SECTIONS = (
    (
        ("Start and run", "Démarrer et faire tourner "),
        ("up", "worker", "connect", "web", "api", "notify", "kiosk", "broker", "simulate"),
    ),
    (("Look at figures", "Consulter les chiffres "), ("explain", "forecast", "report", "sla", "metrics")),
    (("Connect sources", "Raccorder les sources "), ("connectors", "survey-reference")),
    (("Check and repair", "Vérifier et réparer "), ("config", "topics", "rejects", "dead-letters", "recompute")),
    (
        ("Citizens' data and rights", "Données et droits des usagers "),
        ("timeline", "links", "retention", "audit", "tokens"),
    ),
    (("Other", "Autres "), ("bench", "version")),
)
"""Sections of `accueil --help`: title in English and French, and commands in order."""

SIMULATORS = "accueil.simulators"
"""Entry point group of click commands under `accueil simulate` that simulate several sources together."""


@click.group(
    cls=Group,
    lazy=LAZY,
    sections=SECTIONS,
    help=say(
        "Event-driven contact centre for public services: collects the events of telephony, mail, forms, appointments and "
        "front desks, and computes queues, figures, SLA deadlines and timelines.",
        "Centre de contact d'un service public : collecte les événements de la téléphonie, du courrier, des formulaires, des "
        "rendez-vous et des guichets, et en tire files, chiffres, échéances et fils des usagers.",
    ),
    epilog=say(
        "Settings come from accueil.toml and ACCUEIL_* variables; accueil config check prints them.",
        "Réglages : accueil.toml et variables ACCUEIL_* ; accueil config check les affiche.",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help=say("Settings file, by default ./accueil.toml.", "Fichier de réglages, par défaut ./accueil.toml."),
)
def main(config: Path | None) -> None:
    """Run a command."""


@main.command(
    help=say("Start everything on this machine.", "Démarrer tout sur cette machine."),
    epilog=say(
        "Starts the broker, workers, connectors and board, and prints the addresses of their /healthz, /readyz and /metrics.",
        "Démarre le broker, les workers, les connecteurs et le tableau, et affiche les adresses de leurs /healthz, /readyz et "
        "/metrics.",
    ),
)
@click.option("--demo", is_flag=True, help=say("Use simulated source systems.", "Avec des outils sources simulés."))
@click.option(
    "--verbose",
    is_flag=True,
    help=say("Show the full log of every process.", "Afficher tout le journal des processus."),
)
@click.pass_context
def up(context: click.Context, *, demo: bool, verbose: bool) -> None:
    """Run broker, topics, workers, connectors and board as one process tree."""
    from streams.runtime import supervisor  # noqa: PLC0415

    with operator_errors():
        sys.exit(supervisor.up(config_file(context), demo=demo, verbose=verbose))


@main.command(help=say("Run one stream worker.", "Faire tourner un worker."))
@click.pass_context
@pass_settings
def worker(settings: "Settings", context: click.Context) -> None:
    """Read events, write rows and figures."""
    from streams.runtime import worker as program  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(program.run(settings, config_file(context)))


@main.command(help=say("Run the named connectors, or all.", "Faire tourner les connecteurs nommés, ou tous."))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_context
@pass_settings
def connect(settings: "Settings", context: click.Context, names: tuple[str, ...]) -> None:
    """Read source systems and publish their events."""
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(process_specs.connect(settings, names, config_file(context)))


@main.command(help=say("Serve the live board and its metrics.", "Servir le tableau en direct et ses métriques."))
@click.pass_context
@pass_settings
def web(settings: "Settings", context: click.Context) -> None:
    """Serve figures to browsers and to Prometheus."""
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(process_specs.serve(settings, config_file(context)))


@main.command(help=say("Run the embedded Kafka broker alone.", "Faire tourner seul le broker Kafka intégré."))
@click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    default=0,
    help=say("Port of /readyz; 0: none.", "Port de /readyz ; 0 : aucun."),
)
@pass_settings
def broker(settings: "Settings", health_port: int) -> None:
    """Run Apache Kafka on 127.0.0.1, with its data in the data directory."""
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    with operator_errors():
        sys.exit(process_specs.run_broker(settings, health_port))


@main.group(help=say("Manage the Kafka topics.", "Gérer les topics Kafka."))
def topics() -> None:
    """Manage topics."""


@topics.command(
    help=say(
        "Create missing topics and correct the settings of the others.",
        "Créer les topics manquants et corriger les réglages des autres.",
    )
)
@click.option(
    "--wait",
    default=30.0,
    show_default=True,
    help=say("Seconds to wait for the broker.", "Attente du broker, en secondes."),
)
@pass_settings
def apply(settings: "Settings", wait: float) -> None:
    """Bring all topics in line with the topic catalogue."""
    from streams.runtime.instance_lock import find_cluster  # noqa: PLC0415
    from streams.runtime.topic_catalogue import apply_topics, specs  # noqa: PLC0415

    with operator_errors():
        brokers, client = find_cluster(settings)
        changes = apply_topics(settings, brokers, wait, client=client)
    count = len(specs(settings))
    for line in changes or [say(f"{count} topics are up to date", f"{count} topics, tous conformes")]:
        click.echo(line)


class Simulators(Group):
    """Simulators: those of entry points `accueil.simulators`, and those of connectors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of entry points first, then of connectors that have a simulator."""
        from connectors.sdk import registry  # noqa: PLC0415

        combined = sorted(entry_points(group=SIMULATORS).names)
        return combined + [name for name in registry.names() if self.get_command(ctx, name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the simulator `cmd_name`, or None."""
        from connectors.sdk import errors, registry  # noqa: PLC0415

        for entry_point in entry_points(group=SIMULATORS, name=cmd_name):
            command: click.Command = entry_point.load()
            return command
        if cmd_name not in registry.names():
            return None
        try:
            return registry.load(cmd_name).simulate
        except errors.ConfigError as error:
            raise OperatorError(str(error)) from None


@main.group(
    cls=Simulators,
    help=say("Simulate a source system.", "Simuler un outil source."),
)
def simulate() -> None:
    """Run a simulator."""


@main.group(name="config", help=say("Check the settings.", "Vérifier les réglages."))
def config_() -> None:
    """Check the settings."""


@config_.command(
    help=say("Print all settings in force and their origin.", "Afficher tous les réglages en vigueur et leur origine.")
)
@click.pass_context
def check(context: click.Context) -> None:
    """Print every setting. Raise `OperatorError` if a setting, a connector or the SLA file is invalid."""
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


@main.command(help=say("Print the version.", "Afficher la version."))
def version() -> None:
    """Print the installed version."""
    from importlib.metadata import version as version_of  # noqa: PLC0415

    click.echo(f"accueil {version_of('accueil')}")


if __name__ == "__main__":
    main(prog_name="accueil")
