"""`accueil connectors`: list, check, document, re-read and create connectors."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from json import dumps
from pathlib import Path
from typing import get_args

import click

from connectors.sdk import docs as readme_docs
from connectors.sdk import registry
from connectors.sdk import reread as rereading
from connectors.sdk.cluster_id import is_elsewhere
from connectors.sdk.config import table
from connectors.sdk.contract import Context
from connectors.sdk.errors import (
    ConfigError,
    ConnectorError,
    InstanceInUseError,
    SourceMisconfiguredError,
    SourceRefusedError,
    SourceUnavailableError,
)
from connectors.sdk.instance import Instance
from connectors.sdk.probe import ProbeResult, probe
from connectors.sdk.scaffold import Kind, begin
from streams.cli.base import Group, config_file, confirm, pass_settings
from streams.cli.output_tables import EXIT_NOT_FOUND, format_time, json_option, print_table
from streams.locale.error_messages import os_error_cause
from streams.locale.i18n import say
from streams.locale.reason_texts import describe as describe_reason
from streams.locale.reason_texts import explain as explain_detail
from streams.runtime.errors import EXIT_RESTART, OperatorError
from streams.runtime.instance_lock import find_cluster, find_connectors
from streams.runtime.process_specs import configure_one_connector
from streams.settings.loader import describe_settings_file
from streams.settings.schema import ConfigError as SettingsError
from streams.settings.schema import Settings


@click.group(
    cls=Group,
    help=say(
        "Manage connectors, which read the source systems.", "Gérer les connecteurs, qui lisent les outils sources."
    ),
)
def group() -> None:
    """Manage connectors."""


@group.command(
    "list",
    help=say("List installed connectors and their instances.", "Lister les connecteurs installés et leurs instances."),
)
@json_option
@click.pass_context
@pass_settings
def list_(settings: Settings, context: click.Context, *, json: bool) -> None:
    """Print one line per installed connector; on standard error, instances whose connector is not installed."""
    settings, _ = _find_settings(settings, context)
    kinds = {name: instance.connector for name, instance in settings.connectors.items()}
    rows = []
    for connector in registry.installed():
        instances = [name for name, kind in kinds.items() if kind == connector.name]
        about = _describe_connector(connector.name)
        rows.append((connector.name, f"{connector.package} {connector.version}", " ".join(instances) or "-", about))
        if json:
            click.echo(dumps(connector._asdict() | {"instances": instances, "about": about}, ensure_ascii=False))
    if not json:
        titles = (
            say("connector", "connecteur"),
            say("package", "paquet"),
            say("instances", "instances"),
            say("description", "rôle"),
        )
        print_table(titles, rows)
    for name, kind in kinds.items():
        if kind not in registry.names():
            missing = say(f"no connector {kind!r} is installed", f"aucun connecteur {kind!r} n'est installé")
            click.echo(f"accueil: connectors.{name}.connector: {missing}", err=True)


def _find_settings(settings: Settings, context: click.Context) -> tuple[Settings, Path | None]:
    """Return the settings and the file from `find_connectors`, and print the name of that file on standard error."""
    settings, config = find_connectors(settings, config_file(context))
    click.echo(f"accueil: {describe_settings_file(config)}", err=True)
    return settings, config


def _report_running(source: str) -> None:
    """Print that another process runs the instance, and where its state is."""
    colon = say(":", " :")
    text = say(
        "the settings are valid; this instance is running, so its source is not read a second time",
        "les réglages sont utilisables ; elle tourne, sa source n'est donc pas lue ici une seconde fois",
    )
    hint = say(
        "for its state, see /readyz of connect; accueil up prints that address when it starts",
        "son état se lit à /readyz de connect, dont accueil up montre l'adresse au démarrage",
    )
    click.echo(f"{source}{colon} {text}\n{hint}")


def _describe_connector(name: str) -> str:
    try:
        connector = registry.load(name)
    except ConfigError as error:
        return str(error)
    return say(*connector.descriptions) or (connector.config.__doc__ or "").partition("\n")[0]


@group.command(
    help=say(
        "Test the connection of an instance to its source, without publishing.",
        "Tester la connexion d'une instance à sa source, sans rien publier.",
    ),
    epilog=say(
        "Exit codes: 0 = reached; 2 = fix the configuration first (secret refused, file missing, most records rejected); "
        "70 = not reachable now.",
        "Codes de sortie : 0 = atteinte ; 2 = à corriger d'abord (secret refusé, fichier absent, la plupart des enregistrements "
        "rejetés) ; 70 = pas atteinte pour l'instant.",
    ),
)
@click.argument("name")
@click.pass_context
@pass_settings
def check(settings: Settings, context: click.Context, name: str) -> None:
    """Check the configuration of an instance, and count its first records by type. Print no values."""
    settings, config = _find_settings(settings, context)
    instance = configure_one_connector(settings, name, config)
    with operator_errors():
        try:
            found = probe(instance, settings.data / "connectors")
        except InstanceInUseError:
            _report_running(instance.source)
            return
    rejected = found.rejected.total()
    reached = say("the settings are valid, the source is readable", "les réglages sont justes, la source est lisible")
    if found.mostly_rejected:
        reached = say("the source is readable", "la source est lisible")
    nothing = say("no new records", "rien de nouveau pour l'instant")
    click.echo(f"{instance.source}{say(':', ' :')} {reached} ({_describe_read(found) if found.records else nothing})")
    for kind, count in sorted(found.events.items()):
        click.echo(f"{count:>8}  {kind}")
    if found.ignored:
        click.echo(f"{found.ignored:>8}  {say('ignored: not about contacts', 'sans rapport avec les contacts')}")
    for line in _list_rejected(found):
        click.echo(line)
    if found.mostly_rejected:
        raise OperatorError(
            say(
                f"{rejected} of {found.records} records are rejected: is this the right source, and are its settings complete? "
                "See the connector's README.",
                f"{rejected} enregistrements sur {found.records} sont rejetés : est-ce la bonne source, ses réglages sont-ils "
                "complets ? Voir le README du connecteur.",
            )
        )


def _describe_read(found: ProbeResult) -> str:
    """Describe the records that were read, at least one."""
    number, is_single = found.records, found.records == 1
    if found.has_more:
        return say(
            f"read the oldest {number} records only; newer ones exist",
            f"seuls les {number} enregistrements les plus anciens ont été lus ; il y en a de plus récents",
        )
    if found.has_more is None:
        return (
            say("read the first record; there may be more", "premier enregistrement lu ; il peut y en avoir d'autres")
            if is_single
            else say(
                f"read the first {number} records; there may be more",
                f"{number} premiers enregistrements lus ; il peut y en avoir d'autres",
            )
        )
    return (
        say("read one record, the only new one", "un enregistrement lu, le seul nouveau")
        if is_single
        else say(f"read {number} records, up to the newest", f"{number} enregistrements lus, jusqu'au plus récent")
    )


def _list_rejected(found: ProbeResult) -> Iterator[str]:
    """Yield a line per reason; below a reason with several details, a line for each of the most frequent."""
    for reason, count in sorted(found.rejected.items()):
        line = f"{count:>8}  {say('rejected:', 'rejetés :')} {reason.value}, {describe_reason(reason)}"
        details = found.details.get(reason, ())
        if len(details) == 1 and details[0][1] == count:
            yield f"{line} ({explain_detail(details[0][0])})"
            continue
        yield line
        for detail, number in details:
            yield f"{number:>16}  {explain_detail(detail)}"
        rest = count - sum(number for _, number in details)
        if details and rest:
            yield f"{rest:>16}  {say('others', 'autres')}"


@group.command(
    help=say(
        "Read a source again from its beginning at the next start; no event counts twice.",
        "Relire une source depuis son début au prochain démarrage ; rien ne compte deux fois.",
    ),
    epilog=say(
        "Stop the connector first. Its current position is saved in a backup directory.",
        "Arrêter d'abord le connecteur. Sa position actuelle est sauvegardée dans un dossier à part.",
    ),
)
@click.argument("name")
@click.option("--yes", is_flag=True, help=say("Do not ask for confirmation.", "Ne pas demander de confirmation."))
@click.pass_context
@pass_settings
def reread(settings: Settings, context: click.Context, name: str, *, yes: bool) -> None:
    """Print the consequences, ask for confirmation, and move the position to a backup directory."""
    settings, config = _find_settings(settings, context)
    instance = configure_one_connector(settings, name, config)
    if not instance.connector.position_files(instance.config):
        raise OperatorError(
            say(
                f"{name}: this source sends its records only once; they cannot be read again",
                f"{name} : les enregistrements de cette source sont envoyés une fois, et ne peuvent être relus",
            )
        )
    with operator_errors():
        try:
            with instance.locked(settings.data / "connectors") as own:
                _reread(settings, instance, own, yes=yes)
        except InstanceInUseError as error:
            hint = say("stop it first", "l'arrêter d'abord")
            raise OperatorError(f"{error}{say(':', ' :')} {hint}") from None


def _reread(settings: Settings, instance: Instance, own: Context, *, yes: bool) -> None:
    if not rereading.find_position_files(instance, own):
        raise OperatorError(
            say(
                f"{instance.name}: nothing was read yet, so it starts from the beginning anyway",
                f"{instance.name} : rien n'a encore été lu : la lecture commence au début",
            ),
            EXIT_NOT_FOUND,
        )
    beginning = rereading.read_beginning(instance, own)
    known_since = datetime.now(settings.web.zone).date() - timedelta(days=settings.worker.keep_closed_days)
    for line in _explain_reread(beginning, settings, known_since, is_lost=_is_lost(settings, own)):
        click.echo(f"{instance.source}{say(':', ' :')} {line}")
    if not yes and not confirm(say("read it again from its beginning?", "la relire depuis son début ?")):
        raise click.Abort
    backup, days = rereading.start_reread(instance, own), settings.retention.events_days
    click.echo(
        say(
            f"the next start reads it from its beginning; the old position is in {backup}. Afterwards, `accueil recompute` "
            f"recomputes the figures from the events in Kafka ({days} days: retention.events_days) and reports differences",
            f"au prochain démarrage, elle est relue depuis son début ; la position est gardée dans {backup}. Une fois relue, "
            "`accueil recompute` recompte les événements que Kafka conserve encore "
            f"({days} jours : retention.events_days), et nomme chaque nombre qui diffère",
        )
    )


def _is_lost(settings: Settings, own: Context) -> bool | None:
    """Return whether the published events are in another cluster than the current one; None if unknown."""
    from streams.kafka.topic_reader import KafkaError, read_cluster  # noqa: PLC0415 - imports kafka-python

    try:
        return is_elsewhere(own.directory, read_cluster(*find_cluster(settings)))
    except (KafkaError, SettingsError):
        return None


def _explain_reread(
    beginning: rereading.FirstRecords, settings: Settings, known_since: date, *, is_lost: bool | None
) -> Iterator[str]:
    if beginning.first_at is None:
        yield say(
            "no event at the beginning of the source: `start`, or the retention of the source, may exclude events read before",
            "la source ne montre aucun événement depuis son début : `start`, ou sa propre purge, peut écarter ce qui fut lu",
        )
    else:
        since = format_time(beginning.first_at, settings.web.zone)
        yield say(f"the source goes back to {since}", f"elle remonte au {since}")
    if is_lost:
        yield say(
            "its events are in another Kafka cluster: in this one, all events count as new",
            "ses événements sont partis vers un autre cluster Kafka, dont les données ne sont pas ici : tout est recompté",
        )
        return
    days = settings.worker.keep_closed_days
    yield say(
        f"contacts that are open, or closed since {known_since} ({days} days), are known: their events count once",
        f"les contacts ouverts, ou clos depuis le {known_since} ({days} jours), sont connus : leurs événements comptent une fois",
    )
    yield say(
        "older contacts may have been counted: they become dead letters (told_again); events never read before count now",
        "les contacts plus anciens, peut-être déjà comptés, sont refusés (lettres mortes told_again) ; ce qui suit et n'a jamais "
        "été lu compte",
    )
    if is_lost is None:
        yield say(
            "if Kafka's data were lost, all events count as new",
            "si les données de Kafka ont été perdues, tout est recompté",
        )


@group.command(
    help=say(
        "Print the options of a connector, as in its README.",
        "Afficher les options d'un connecteur, comme dans son README.",
    )
)
@click.argument("name")
@click.option(
    "--write",
    is_flag=True,
    help=say("Update the options table of its READMEs.", "Mettre à jour le tableau d'options de ses README."),
)
def docs(name: str, *, write: bool) -> None:
    """Print the table of options, or write it into the READMEs, between the two markers."""
    with operator_errors():
        connector = registry.load(name)
        if not write:
            click.echo(table(connector.config, "fr" if say("en", "fr") == "fr" else "en"))
            return
        readmes = readme_docs.find_readmes(connector)
        if not readmes:
            raise OperatorError(
                say(f"{name} has no README.md next to its code", f"{name} n'a pas de README.md près de son code"),
                EXIT_NOT_FOUND,
            )
        for path, language in readmes.items():
            changed = readme_docs.update(path, connector.config, language)
            click.echo(f"{path}: {say('updated', 'mis à jour') if changed else say('up to date', 'à jour')}")


@group.command(
    help=say("Create a connector in its own package.", "Créer un connecteur dans son propre paquet."),
    epilog=say(
        "tail follows a log file, pull polls an API, push receives HTTP requests. The generated package passes its tests.",
        "tail suit un journal, pull interroge une API, push reçoit des requêtes HTTP. Le paquet créé passe ses tests.",
    ),
)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    default="tail",
    show_default=True,
    help=say("Access to the source.", "Accès à la source."),
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help=say("Parent directory, by default the current one.", "Dossier parent, par défaut le dossier actuel."),
)
def new(name: str, kind: Kind, into: Path) -> None:
    """Write the package, and print the next steps."""
    with operator_errors():
        root = begin(name, kind, into)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        click.echo(path)
    click.echo()
    click.echo(say("Next:", "Ensuite :"))
    click.echo(f"  pip install -e '{root}[test]'")
    click.echo(f"  pytest {root}")
    package = root / f"accueil_{name}"
    click.echo(
        say(
            f"  then edit config.py, source.py and mapping.py in {package}",
            f"  puis modifier config.py, source.py et mapping.py dans {package}",
        )
    )


@contextmanager
def operator_errors() -> Iterator[None]:
    """Turn errors of connectors and files into `OperatorError`."""
    try:
        yield
    except (SourceRefusedError, SourceMisconfiguredError) as error:
        raise OperatorError(str(error)) from None
    except SourceUnavailableError as error:
        raise OperatorError(str(error), EXIT_RESTART) from None
    except ConnectorError as error:
        raise OperatorError(str(error)) from None
    except OSError as error:
        raise OperatorError(f"{error.filename}: {os_error_cause(error)}") from None
