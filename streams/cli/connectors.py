"""`accueil connectors`: list, check, document, re-read and create connectors."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

import click

from connectors.sdk import docs as readme_docs
from connectors.sdk import registry
from connectors.sdk import reread as rereading
from connectors.sdk.cluster_id import is_elsewhere
from connectors.sdk.config import table
from connectors.sdk.contract import Context
from connectors.sdk.errors import ConfigError, InstanceInUseError
from connectors.sdk.instance import Instance
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.probe import ProbeResult, probe
from connectors.sdk.scaffold import Kind, begin
from models.locale import _, user_language
from streams.cli import mapping_trial
from streams.cli.base import ConnectorGroup, config_file, confirm, connector_errors, pass_settings
from streams.cli.mapping_trial import CHANNELS, CONNECTORS, create_mapping
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, print_table, yes_option
from streams.cli.trial_report import explain_no_records
from streams.locale.reason_texts import describe as describe_reason
from streams.locale.reason_texts import explain as explain_detail
from streams.runtime.instance_lock import find_cluster, find_connectors
from streams.runtime.process_specs import configure_one_connector
from streams.settings.errors import OperatorError
from streams.settings.loader import describe_settings_file
from streams.settings.schema import ConfigError as SettingsError
from streams.settings.schema import Settings


@click.group(cls=ConnectorGroup, help=_("Manage connectors, which read the source systems."))
def group() -> None:
    """Manage connectors."""


for command in (mapping_trial.command, mapping_trial.presets, mapping_trial.schema):
    group.add_command(command)


@group.command("list", help=_("List installed connectors and their instances."))
@click.pass_context
@pass_settings
def list_(settings: Settings, context: click.Context) -> None:
    settings, _file = _find_settings(settings, context)
    kinds = {name: instance.connector for name, instance in settings.connectors.items()}
    rows = []
    for connector in registry.installed():
        instances = [name for name, kind in kinds.items() if kind == connector.name]
        about = _describe_connector(connector.name)
        rows.append((connector.name, f"{connector.package} {connector.version}", " ".join(instances) or "-", about))
    print_table((_("connector"), _("package"), _("instances"), _("description")), rows)
    for name, kind in kinds.items():
        if kind not in registry.names():
            missing = _("no connector {kind!r} is installed", kind=kind)
            click.echo(f"accueil: connectors.{name}.connector: {missing}", err=True)


def _find_settings(settings: Settings, context: click.Context) -> tuple[Settings, Path | None]:
    """Return the settings and the file from `find_connectors`, and print the name of that file on standard error."""
    settings, config = find_connectors(settings, config_file(context))
    click.echo(f"accueil: {describe_settings_file(config)}", err=True)
    return settings, config


def _describe_connector(name: str) -> str:
    try:
        connector = registry.load(name)
    except ConfigError as error:
        return str(error)
    return _(connector.description) or (connector.config.__doc__ or "").partition("\n")[0]


@group.command(
    help=_("Test the connection of an instance, or of all, to the source, without publishing."),
    epilog=_(
        "Exit codes: 0 = reached; 2 = fix the configuration first (secret refused, file missing, "
        "most records rejected); 70 = not reachable now. Without NAME: 0 = all reached; 1 = some have a problem."
    ),
)
@click.argument("name", required=False)
@click.pass_context
@pass_settings
def check(settings: Settings, context: click.Context, name: str | None) -> None:
    settings, config = _find_settings(settings, context)
    if name is not None:
        _check(settings, config, name)
        return
    if not settings.connectors:
        raise OperatorError(_("no connector is configured"), EXIT_NOT_FOUND)
    failed = []
    for number, each in enumerate(settings.connectors):
        if number:
            click.echo()
        try:
            with connector_errors():
                _check(settings, config, each)
        except OperatorError as error:
            failed.append(each)
            click.echo(f"{each}{_(':')} {error.message}", err=True)
    if failed:
        click.echo()
        counts = {"failed": len(failed), "total": len(settings.connectors), "names": ", ".join(failed)}
        raise OperatorError(_("connectors with a problem: {failed} of {total} ({names})", **counts), EXIT_NOT_FOUND)


def _check(settings: Settings, config: Path | None, name: str) -> None:
    """Check the configuration of an instance, read its next records for a short time, and count them by type. Print no values."""
    instance = configure_one_connector(settings, name, config)
    try:
        found = probe(instance, settings.data / "connectors")
    except InstanceInUseError:
        text = _("the settings are valid; this instance is running, so its source is not read a second time")
        click.echo(f"{instance.source}{_(':')} {text}")
        click.echo(_("for its state, see /readyz of connect; accueil up prints that address when it starts"))
        return
    rejected = found.rejected.total()
    reached = _("the settings are valid, the source is readable")
    if found.mostly_rejected:
        reached = _("the source is readable")
    is_empty = not found.records and _is_first_read(instance, settings.data / "connectors")
    nothing = _("no records") if is_empty else _("no new records")
    click.echo(f"{instance.source}{_(':')} {reached} ({_describe_read(found) if found.records else nothing})")
    for kind, count in sorted(found.events.items()):
        click.echo(f"{count:>8}  {kind}")
    if found.ignored:
        click.echo(_("{count:>8}  ignored: not about contacts", count=found.ignored))
    for line in _list_rejected(found):
        click.echo(line)
    if found.unread_bytes:
        click.echo(_("not read yet: {megabytes} MB", megabytes=max(1, round(found.unread_bytes / 1e6))))
    if found.trouble:
        click.secho(_("warning: {trouble}", trouble=found.trouble), fg="yellow")
    elif is_empty and isinstance(instance.config, MappedConfig):
        click.secho(explain_no_records(instance.config), fg="yellow")
    if found.mostly_rejected:
        raise OperatorError(
            _(
                "{rejected} of {records} records are rejected: is this the right source, and are its "
                "settings complete? See the connector's README.",
                rejected=rejected,
                records=found.records,
            )
        )


def _is_first_read(instance: Instance, directory: Path) -> bool:
    """Return whether a source with a mapping was never read. False for one that sends its records only once."""
    if not isinstance(instance.config, MappedConfig) or not instance.connector.position_files(instance.config):
        return False
    return not rereading.find_position_files(instance, instance.context(directory, lasting=False))


def _describe_read(found: ProbeResult) -> str:
    if found.extent and not found.has_more:
        return _("records read: {number}; {extent}", number=found.records, extent=found.extent)
    if found.has_more:
        return _("records read: the oldest {number}; newer ones exist", number=found.records)
    if found.has_more is None:
        return _("records read: the first {number}; there may be more", number=found.records)
    return _("records read: {number}, up to the newest", number=found.records)


def _list_rejected(found: ProbeResult) -> Iterator[str]:
    """Yield a line per reason; below a reason with several details, a line for each of the most frequent."""
    for reason, count in sorted(found.rejected.items()):
        text = f"{reason.value}, {describe_reason(reason)}"
        line = _("{count:>8}  rejected: {reason}", count=count, reason=text)
        details = found.details.get(reason, ())
        if len(details) == 1 and details[0][1] == count:
            yield f"{line} ({explain_detail(details[0][0])})"
            continue
        yield line
        for detail, number in details:
            yield f"{number:>16}  {explain_detail(detail)}"
        rest = count - sum(number for _, number in details)
        if details and rest:
            yield _("{count:>16}  others", count=rest)


@group.command(
    help=_("Read a source again at the next start, from its beginning or its option `start`; no event counts twice."),
    epilog=_("Stop the connector first. Its current position is saved in a backup directory."),
)
@click.argument("name")
@yes_option
@click.pass_context
@pass_settings
def reread(settings: Settings, context: click.Context, name: str, *, yes: bool) -> None:
    settings, config = _find_settings(settings, context)
    instance = configure_one_connector(settings, name, config)
    if not instance.connector.position_files(instance.config):
        raise OperatorError(_("{name}: this source sends its records only once; they cannot be read again", name=name))
    with instance.locked(settings.data / "connectors") as own:
        _reread(settings, instance, own, yes=yes)


def _reread(settings: Settings, instance: Instance, own: Context, *, yes: bool) -> None:
    begin = _describe_begin(instance)
    if not rereading.find_position_files(instance, own):
        raise OperatorError(
            _("{name}: nothing was read yet, so it starts from {begin} anyway", name=instance.name, begin=begin),
            EXIT_NOT_FOUND,
        )
    for line in _explain_reread(settings, instance, own):
        click.echo(f"{instance.source}{_(':')} {line}")
    if not yes and not confirm(_("read it again from {begin}?", begin=begin)):
        raise click.Abort
    backup = rereading.start_reread(instance, own)
    click.echo(_("the next start reads it from {begin}; the old position is in {backup}", begin=begin, backup=backup))
    click.echo(_("afterwards, accueil recompute compares the figures with the events that Kafka still holds"))


def _describe_begin(instance: Instance) -> str:
    start = getattr(instance.config, "start", None)
    if start == "end":
        return _("its end")
    return _("its beginning") if start in (None, "beginning") else f"start = {start}"


def _is_lost(settings: Settings, own: Context) -> bool | None:
    """Return whether the published events are in another cluster than the current one; None if unknown."""
    from streams.kafka.topic_reader import KafkaError, read_cluster  # noqa: PLC0415 - imports kafka-python

    try:
        return is_elsewhere(own.directory, read_cluster(*find_cluster(settings)))
    except (KafkaError, SettingsError):
        return None


def _explain_reread(settings: Settings, instance: Instance, own: Context) -> Iterator[str]:
    first_ms = rereading.find_first_event_ms(instance, own)
    if getattr(instance.config, "start", None) == "end":
        yield _('start = "end" skips all records that the source has now; to read them, set start = "beginning"')
        return
    if first_ms is None:
        yield _(
            "no event at the beginning of the source: `start`, or the retention of the source, may "
            "exclude events read before"
        )
    else:
        since = format_time(first_ms, settings.web.zone)
        yield _("the source goes back to {since}", since=since)
    is_lost = _is_lost(settings, own)
    if is_lost:
        yield _("its events are in another Kafka cluster: in this one, all events count as new")
        return
    days = settings.worker.keep_closed_days
    known_since = datetime.now(settings.web.zone).date() - timedelta(days=days)
    yield _(
        "contacts that are open, or closed since {known_since} ({days} days), are known: their events count once",
        known_since=known_since,
        days=days,
    )
    yield _(
        "older contacts may have been counted before, so they do not count a second time: their events are kept among "
        "the dead letters with the reason duplicate. This is expected and needs no action"
    )
    yield _("later events that were never read count now")
    if is_lost is None:
        yield _("if Kafka's data were lost, all events count as new")


@group.command(help=_("Print the options of a connector, as in its README."))
@click.argument("name")
@click.option("--write", is_flag=True, help=_("Update the options table of its READMEs."))
def docs(name: str, *, write: bool) -> None:
    connector = registry.load(name)
    if not write:
        click.echo(table(connector.config, user_language()))
        return
    readmes = readme_docs.find_readmes(connector)
    if not readmes:
        raise OperatorError(_("{name} has no README.md next to its code", name=name), EXIT_NOT_FOUND)
    for path, language in readmes.items():
        changed = readme_docs.update(path, connector.config, language)
        result = _("updated") if changed else _("up to date")
        click.echo(f"{path}: {result}")


def _read_widths(_context: click.Context, _option: click.Parameter, given: str | None) -> tuple[int, ...]:
    try:
        widths = tuple(int(text) for text in given.split(",")) if given else ()
    except ValueError:
        widths = (0,)
    if not all(0 < width <= 10_000 for width in widths):
        raise click.BadParameter(_("must be numbers of characters, such as 10,8,20"))
    return widths


@group.command(
    help=_("Create a mapping file from a sample (--from), or a connector in its own package."),
    epilog=_(
        "With --from, nothing is programmed: NAME.toml maps the columns of the sample to events. Otherwise, tail follows "
        "a log file, pull polls an API, push receives HTTP requests. The generated package passes its tests."
    ),
)
@click.argument("name")
@click.option(
    "--from",
    "sample",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=_("File with sample records: CSV, fixed width, Excel, OpenDocument or JSON."),
)
@click.option(
    "--connector",
    type=click.Choice(CONNECTORS),
    help=_("Connector that will read the source. Default: http for JSON, otherwise table."),
)
@click.option(
    "--channel", type=click.Choice(CHANNELS), help=_("Channel of the records. Default: guessed from the columns.")
)
@click.option(
    "--widths",
    callback=_read_widths,
    help=_("Widths of the columns of a text file of fixed width, in characters, such as 10,8,20."),
)
@click.option(
    "--skip-lines",
    type=click.IntRange(0, 1000),
    default=0,
    help=_("Number of lines above the header of the table, such as a title."),
)
@click.option("--sheet", default="", help=_("Sheet of a spreadsheet. Default: the first."))
@click.option(
    "--kind", type=click.Choice(get_args(Kind)), default="tail", show_default=True, help=_("Access to the source.")
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help=_("Parent directory, by default the current one."),
)
def new(
    name: str,
    sample: Path | None,
    connector: str | None,
    channel: str | None,
    widths: tuple[int, ...],
    skip_lines: int,
    sheet: str,
    kind: Kind,
    into: Path,
) -> None:
    if sample is not None:
        create_mapping(name, sample, connector, channel, widths, skip_lines, sheet, into)
        return
    root = begin(name, kind, into)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        click.echo(path)
    click.echo()
    click.echo(_("Next:"))
    click.echo(f"  pip install -e '{root}[test]'")
    click.echo(f"  pytest {root}")
    package = root / f"accueil_{name}"
    click.echo(_("  then edit config.py, source.py and mapping.py in {package}", package=package))
