"""Entry point of the `accueil` command."""

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.locale import N_, _
from streams.cli.base import Group, config_file, pass_settings, start_logging
from streams.settings.errors import OperatorError

if TYPE_CHECKING:
    from streams.settings.loader import SettingDescription
    from streams.settings.schema import Settings

LAZY = {
    "audit": ("streams.cli.audit:group", _("Audit log of accesses to citizens' data: show, verify.")),
    "connectors": ("streams.cli.connectors:group", _("Connectors: list, check, document, create.")),
    "dead-letters": ("streams.cli.dead_letters:group", _("Records that workers rejected: list, show, replay.")),
    "kiosk": ("connectors.kiosk.command:command", _("Serve a front desk's ticket kiosk and agent page.")),
    "explain": ("streams.cli.explain:command", _("List the contacts and events behind a figure.")),
    "forecast": ("streams.cli.forecast:command", _("Forecast today's contacts and the agents needed.")),
    "links": ("streams.cli.links:group", _("Links between a citizen's identities: list, revoke, restore.")),
    "metrics": ("streams.cli.metrics:command", _("Print the reference of the Prometheus metrics.")),
    "notify": ("streams.cli.notify:group", _("Send SLA alerts to Alertmanager, webhooks and mailboxes.")),
    "recompute": ("streams.cli.recompute:command", _("Recompute all figures from events, report differences.")),
    "rejects": ("streams.cli.rejects:group", _("Source records that connectors rejected: list, show, replay.")),
    "report": ("streams.cli.report:command", _("Write a report for a day, week, month or year.")),
    "retention": ("streams.cli.retention:group", _("Retention periods of all data: show, apply.")),
    "sla": ("streams.cli.sla:group", _("SLA targets and deadlines: check, list, explain.")),
    "timeline": ("streams.cli.timeline:group", _("Citizens' timelines: write, show, export, erase.")),
    "tokens": ("streams.cli.tokens:group", _("API tokens: add, list, rotate, revoke.")),
    "survey-reference": (
        "connectors.survey.reference_command:command",
        _("Print contact references for survey links."),
    ),
}
"""Commands imported when they are called: name → import path and line of help."""

SECTIONS = (
    (N_("Start and run"), ("up", "worker", "connect", "web", "api", "notify", "kiosk", "broker", "simulate")),
    (N_("Look at figures"), ("explain", "forecast", "report", "sla", "metrics")),
    (N_("Connect sources"), ("connectors", "survey-reference")),
    (N_("Check and repair"), ("config", "topics", "rejects", "dead-letters", "recompute")),
    (N_("Citizens' data and rights"), ("timeline", "links", "retention", "audit", "tokens")),
    (N_("Other"), ("version",)),
)
"""Sections of `accueil --help`: title, and commands in order."""

SIMULATORS = "accueil.simulators"
"""Entry point group of click commands under `accueil simulate` that simulate several sources together."""

MAX_SETTING_WIDTH = 100
"""Longest line of a setting in `accueil config check`, without its origin, in characters; longer lines are cut."""
ALIGNED_WIDTH = 60
"""Longest line of a setting whose origin is aligned with the others, in characters."""


@click.group(
    cls=Group,
    lazy=LAZY,
    sections=SECTIONS,
    help=_(
        "Event-driven contact centre for public services: collects the events of telephony, mail, "
        "forms, appointments and front desks, and computes queues, figures, SLA deadlines and "
        "timelines."
    ),
    epilog=_("Settings come from accueil.toml and ACCUEIL_* variables; accueil config check prints them."),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help=_("Settings file, by default ./accueil.toml.")
)
@click.version_option(package_name="accueil", message="%(prog)s %(version)s", help=_("Print the version."))
def main(config: Path | None) -> None:
    """Run a command."""


@main.command(
    help=_("Start everything on this machine."),
    epilog=_(
        "Starts the broker, workers, connectors and board, and prints the addresses of their "
        "/healthz, /readyz and /metrics."
    ),
)
@click.option("--demo", is_flag=True, help=_("Use simulated source systems."))
@click.option("--verbose", is_flag=True, help=_("Show the full log of every process."))
@click.pass_context
def up(context: click.Context, *, demo: bool, verbose: bool) -> None:
    from streams.runtime import up as supervisor  # noqa: PLC0415

    sys.exit(supervisor.up(config_file(context), demo=demo, verbose=verbose))


@main.command(help=_("Run one stream worker."))
@click.pass_context
@pass_settings
def worker(settings: "Settings", context: click.Context) -> None:
    from streams.runtime import worker as program  # noqa: PLC0415

    start_logging(settings)
    sys.exit(program.run(settings, config_file(context)))


@main.command(help=_("Run the named connectors, or all."))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_context
@pass_settings
def connect(settings: "Settings", context: click.Context, names: tuple[str, ...]) -> None:
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    sys.exit(process_specs.connect(settings, names, config_file(context)))


@main.command(help=_("Serve the live board and its metrics."))
@click.pass_context
@pass_settings
def web(settings: "Settings", context: click.Context) -> None:
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    sys.exit(process_specs.serve(settings, config_file(context)))


@main.command(help=_("Serve the timeline API and its web page."))
@pass_settings
def api(settings: "Settings") -> None:
    from streams.runtime import api_process  # noqa: PLC0415

    start_logging(settings)
    sys.exit(api_process.run(settings))


@main.command(help=_("Run the embedded Kafka broker alone."))
@click.option("--health-port", type=click.IntRange(0, 65535), default=0, help=_("Port of /readyz; 0: none."))
@pass_settings
def broker(settings: "Settings", health_port: int) -> None:
    from streams.runtime import process_specs  # noqa: PLC0415

    start_logging(settings)
    sys.exit(process_specs.run_broker(settings, health_port))


@main.group(help=_("Manage the Kafka topics."))
def topics() -> None:
    """Manage topics."""


@topics.command(help=_("Create missing topics and correct the settings of the others."))
@click.option("--wait", default=30.0, show_default=True, help=_("Seconds to wait for the broker."))
@pass_settings
def apply(settings: "Settings", wait: float) -> None:
    from streams.runtime.instance_lock import find_cluster  # noqa: PLC0415
    from streams.runtime.topic_catalogue import apply_topics, specs  # noqa: PLC0415

    brokers, client = find_cluster(settings)
    changes = apply_topics(settings, brokers, wait, client=client)
    count = len(specs(settings))
    for line in changes or [_("{count} topics are up to date", count=count)]:
        click.echo(line)


class Simulators(Group):
    """Simulators: those of entry points `accueil.simulators`, and those of connectors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of entry points first, then of connectors that have a simulator."""
        from connectors.sdk import registry  # noqa: PLC0415

        combined = sorted(entry_points(group=SIMULATORS).names)
        return combined + [name for name in registry.names() if self.get_command(ctx, name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the simulator `cmd_name`; None if there is none. Raise `OperatorError` if the connector cannot be loaded."""
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


@main.group(cls=Simulators, help=_("Simulate a source system."))
def simulate() -> None:
    """Run a simulator."""


@main.group(name="config", help=_("Check the settings."))
def config_() -> None:
    """Check the settings."""


@config_.command(help=_("Check all settings, and print those that are set, with their origin."))
@click.option("--all", "everything", is_flag=True, help=_("Print also the defaults, and long values in full."))
@click.pass_context
def check(context: click.Context, *, everything: bool) -> None:
    from streams.runtime import process_specs  # noqa: PLC0415
    from streams.runtime.missing_zones import find_missing_zones  # noqa: PLC0415
    from streams.runtime.prechecks import find_warnings  # noqa: PLC0415
    from streams.runtime.unknown_names import find_unknown_names  # noqa: PLC0415
    from streams.settings.loader import describe, find_file, find_origin, load  # noqa: PLC0415
    from streams.settings.sla_file import load_policies  # noqa: PLC0415

    settings = load(config_file(context))
    instances = process_specs.configure_connectors(settings, config=config_file(context))
    settings.kafka.client_options()
    if settings.timeline.url:
        from streams.runtime.timeline_database import check_driver  # noqa: PLC0415 - brings the database's libraries

        check_driver(settings)
    load_policies(settings.sla, find_origin("sla", config_file(context)))
    known = list(describe(settings, config_file(context)))
    shown = known if everything else [setting for setting in known if setting.origin]
    _print_settings(shown, None if everything else MAX_SETTING_WIDTH)
    if left := len(known) - len(shown):
        click.echo("# " + _("settings left at their defaults: {left} (--all shows them)", left=left))
    configs = [instance.config for instance in instances]
    warnings = find_warnings(settings) + find_missing_zones(instances)
    warnings += find_unknown_names(settings, configs, config_file(context))
    for warning in warnings:
        click.echo(f"accueil: {warning}", err=True)
    path = find_file(config_file(context))
    checked = ", ".join(str(file) for file in (path, settings.sla) if file) or _("defaults")
    found = _("warnings: {count}", count=len(warnings)) if warnings else _("no mistakes found")
    click.echo(f"# {checked}{_(':')} {found}")


def _print_settings(settings: "list[SettingDescription]", max_width: int | None) -> None:
    """Print a line per setting, with its origin. Cut lines longer than `max_width` characters; None: print them in full."""
    lines = []
    for setting in settings:
        line = f"{setting.key} = {json.dumps(setting.value, ensure_ascii=False)}"
        lines.append(line if max_width is None or len(line) <= max_width else f"{line[: max_width - 1]}…")
    width = max((len(line) for line in lines if len(line) <= ALIGNED_WIDTH), default=0)
    for line, setting in zip(lines, settings, strict=True):
        origin = setting.origin or _("default")
        click.echo(f"{line:<{width}}  # {origin}")


@main.command(help=_("Print the version."))
def version() -> None:
    from importlib.metadata import version as version_of  # noqa: PLC0415

    click.echo(f"accueil {version_of('accueil')}")


if __name__ == "__main__":
    main(prog_name="accueil")
