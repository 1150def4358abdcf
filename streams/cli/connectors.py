"""`accueil connectors`: what is installed, and what those need who write a connector or set one up."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from json import dumps
from pathlib import Path
from typing import Final, get_args

import click
import httpx
from yarl import URL

from connectors.sdk import docs as documents
from connectors.sdk import registry
from connectors.sdk import reread as again
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

READYZ_SECONDS: Final = 2.0
"""How long the process that runs an instance may take to answer."""


@click.group(
    cls=Group, help=say("Connectors: what reads the source systems.", "Les connecteurs, qui lisent les outils sources.")
)
def group() -> None:
    """Hold the commands below."""


@group.command("list", help=say("Show what is installed, and what is set up.", "Montre ce qui est installé et réglé."))
@json_option
@click.pass_context
@pass_settings
def list_(settings: Settings, context: click.Context, *, json: bool) -> None:
    """Print one line per installed connector; on standard error, what cannot be loaded, and what is set up but not there."""
    settings, _ = _find(settings, context)
    kinds = {name: instance.connector for name, instance in settings.connectors.items()}
    rows = []
    for connector in registry.installed():
        instances = [name for name, kind in kinds.items() if kind == connector.name]
        about = _about(connector.name)
        rows.append((connector.name, f"{connector.package} {connector.version}", " ".join(instances) or "-", about))
        if json:
            click.echo(dumps(connector._asdict() | {"instances": instances, "about": about}, ensure_ascii=False))
    if not json:
        titles = say("connector", "connecteur"), say("package", "paquet"), say("set up", "réglé"), say("about", "rôle")
        print_table(titles, rows)
    for name, kind in kinds.items():
        if kind not in registry.names():
            missing = say(f"no connector {kind!r} is installed", f"aucun connecteur {kind!r} n'est installé")
            click.echo(f"accueil: connectors.{name}.connector: {missing}", err=True)


def _find(settings: Settings, context: click.Context) -> tuple[Settings, Path | None]:
    """Do what `find_connectors` does, and say on standard error which settings file the command reads."""
    settings, config = find_connectors(settings, config_file(context))
    click.echo(f"accueil: {describe_settings_file(config)}", err=True)
    return settings, config


def _tell_running(settings: Settings, source: str) -> None:
    """Report on an instance that another process runs, as that answers; end with `EXIT_RESTART` if it is in trouble."""
    colon = say(":", " :")
    told = say(
        "the settings can be used; it is running, so its source is not read here a second time",
        "les réglages sont utilisables ; elle tourne, sa source n'est donc pas lue ici une seconde fois",
    )
    click.echo(f"{source}{colon} {told}")
    answer = _ask_readiness(settings.connect.health_host, settings.connect.health_port)
    if answer is None:
        elsewhere = say(
            "how it is, /readyz of connect tells; accueil up shows its address when it starts",
            "son état se lit à /readyz de connect, dont accueil up montre l'adresse au démarrage",
        )
        click.echo(elsewhere)
    elif trouble := next((one for one in answer.split("; ") if one.startswith(f"{source}:")), ""):
        raise OperatorError(trouble, EXIT_RESTART)
    else:
        click.echo(say("connect reports no trouble of it", "connect ne signale aucun problème"))


def _ask_readiness(host: str, port: int) -> str | None:
    """Return what /readyz of connect answers; None if it is not known where, or if nothing answers."""
    if not port:
        return None
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - it listens there, nothing here does
    url = URL.build(scheme="http", host=here, port=port, path="/readyz")
    try:
        return httpx.get(str(url), timeout=READYZ_SECONDS, trust_env=False).text.strip()
    except httpx.HTTPError:
        return None


def _about(name: str) -> str:
    try:
        connector = registry.load(name)
    except ConfigError as error:
        return str(error)
    return say(*connector.descriptions) or (connector.config.__doc__ or "").partition("\n")[0]


@group.command(
    help=say("Try to reach a source; publish nothing.", "Essaie d'atteindre une source, sans rien publier."),
    epilog=say(
        "Exit codes: 0 reached, 2 to be mended first (a secret refused, a file that is not there, most records rejected), 70 not "
        "reached now.",
        "Codes de sortie : 0 atteinte, 2 à corriger d'abord (un secret refusé, un fichier absent, la plupart des enregistrements "
        "rejetés), 70 pas atteinte pour l'instant.",
    ),
)
@click.argument("name")
@click.pass_context
@pass_settings
def check(settings: Settings, context: click.Context, name: str) -> None:
    """Check the configuration of an instance, and say what its first records are: types and counts, no values."""
    settings, config = _find(settings, context)
    instance = configure_one_connector(settings, name, config)
    with operator_errors():
        try:
            found = probe(instance, settings.data / "connectors")
        except InstanceInUseError:
            _tell_running(settings, instance.source)
            return
    rejected = found.rejected.total()
    reached = say("the settings are right, the source can be read", "les réglages sont justes, la source est lisible")
    if found.mostly_rejected:
        reached = say("the source can be read", "la source est lisible")
    nothing = say("nothing new there just now", "rien de nouveau pour l'instant")
    click.echo(f"{instance.source}{say(':', ' :')} {reached} ({_tell_read(found) if found.records else nothing})")
    for kind, count in sorted(found.events.items()):
        click.echo(f"{count:>8}  {kind}")
    if found.ignored:
        click.echo(f"{found.ignored:>8}  {say('of no concern to contacts', 'sans rapport avec les contacts')}")
    for line in _list_rejected(found):
        click.echo(line)
    if found.mostly_rejected:
        raise OperatorError(
            say(
                f"{rejected} of {found.records} records are rejected: is it the right source, and are its settings complete? "
                "See the connector's README.",
                f"{rejected} enregistrements sur {found.records} sont rejetés : est-ce la bonne source, ses réglages sont-ils "
                "complets ? Voir le README du connecteur.",
            )
        )


def _tell_read(found: ProbeResult) -> str:
    """Return which records were read, in words; there is one at least."""
    number, one = found.records, found.records == 1
    if found.has_more:
        return say(
            f"only the oldest {number} records read; there are newer ones",
            f"seuls les {number} enregistrements les plus anciens ont été lus ; il y en a de plus récents",
        )
    if found.has_more is None:
        return (
            say("the first record read; there may be more", "premier enregistrement lu ; il peut y en avoir d'autres")
            if one
            else say(
                f"the first {number} records read; there may be more",
                f"{number} premiers enregistrements lus ; il peut y en avoir d'autres",
            )
        )
    return (
        say("one record read, the only new one", "un enregistrement lu, le seul nouveau")
        if one
        else say(f"{number} records read, up to the newest", f"{number} enregistrements lus, jusqu'au plus récent")
    )


def _list_rejected(found: ProbeResult) -> Iterator[str]:
    """Yield a line per reason; if a reason has several details, a line below it for each of the most frequent."""
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
        "Read a source again from its beginning, at the next start; nothing counts twice.",
        "Relit une source depuis son début, au prochain démarrage ; rien ne compte deux fois.",
    ),
    epilog=say(
        "The connector must be stopped. The position is kept beside it.",
        "Le connecteur doit être arrêté. La position est gardée à côté.",
    ),
)
@click.argument("name")
@click.option("--yes", is_flag=True, help=say("Begin anew without a question.", "Recommencer sans poser de question."))
@click.pass_context
@pass_settings
def reread(settings: Settings, context: click.Context, name: str, *, yes: bool) -> None:
    """Say what a second reading does, and move the position aside once that is confirmed."""
    settings, config = _find(settings, context)
    instance = configure_one_connector(settings, name, config)
    if not instance.connector.position_files(instance.config):
        raise OperatorError(
            say(
                f"{name}: the records of this source are sent once, and cannot be read again",
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
    if not again.find_position_files(instance, own):
        raise OperatorError(
            say(
                f"{instance.name}: nothing was read yet: it begins at the beginning",
                f"{instance.name} : rien n'a encore été lu : la lecture commence au début",
            ),
            EXIT_NOT_FOUND,
        )
    beginning = again.read_beginning(instance, own)
    known = datetime.now(settings.web.zone).date() - timedelta(days=settings.worker.keep_closed_days)
    for line in _explain_reread(beginning, settings, known, is_lost=_is_lost(settings, own)):
        click.echo(f"{instance.source}{say(':', ' :')} {line}")
    if not yes and not confirm(say("read it again from its beginning?", "la relire depuis son début ?")):
        raise click.Abort
    aside, days = again.start_reread(instance, own), settings.retention.events_days
    click.echo(
        say(
            f"at the next start it is read from its beginning; the position is kept in {aside}. Once it is read, "
            "`accueil recompute` counts the events that Kafka still holds "
            f"({days} days: retention.events_days) once more, and names each number that differs",
            f"au prochain démarrage, elle est relue depuis son début ; la position est gardée dans {aside}. Une fois relue, "
            "`accueil recompute` recompte les événements que Kafka conserve encore "
            f"({days} jours : retention.events_days), et nomme chaque nombre qui diffère",
        )
    )


def _is_lost(settings: Settings, own: Context) -> bool | None:
    """Return whether Kafka lacks the events that the instance has published; None if that cannot be found out."""
    from streams.kafka.topic_reader import KafkaError, read_cluster  # noqa: PLC0415 - brings kafka-python

    try:
        return is_elsewhere(own.directory, read_cluster(*find_cluster(settings)))
    except (KafkaError, SettingsError):
        return None


def _explain_reread(
    beginning: again.FirstRecords, settings: Settings, known: date, *, is_lost: bool | None
) -> Iterator[str]:
    if beginning.first_at is None:
        yield say(
            "the source shows no event from its beginning: `start`, or its own retention, may leave out what was read",
            "la source ne montre aucun événement depuis son début : `start`, ou sa propre purge, peut écarter ce qui fut lu",
        )
    else:
        since = format_time(beginning.first_at, settings.web.zone)
        yield say(f"it goes back to {since}", f"elle remonte au {since}")
    if is_lost:
        yield say(
            "its events went to another Kafka cluster, whose data are not here: all is counted anew",
            "ses événements sont partis vers un autre cluster Kafka, dont les données ne sont pas ici : tout est recompté",
        )
        return
    days = settings.worker.keep_closed_days
    yield say(
        f"contacts that are open, or closed since {known} ({days} days), are known: their events count once",
        f"les contacts ouverts, ou clos depuis le {known} ({days} jours), sont connus : leurs événements comptent une fois",
    )
    yield say(
        "older contacts may have been counted: they are refused, as dead letters told_again; later events never read count now",
        "les contacts plus anciens, peut-être déjà comptés, sont refusés (lettres mortes told_again) ; ce qui suit et n'a jamais "
        "été lu compte",
    )
    if is_lost is None:
        yield say(
            "if Kafka's data were lost, all is counted anew",
            "si les données de Kafka ont été perdues, tout est recompté",
        )


@group.command(
    help=say("Show a connector's options, as its README tells them.", "Montre les options, comme au README.")
)
@click.argument("name")
@click.option(
    "--write",
    is_flag=True,
    help=say("Update its READMEs, between the two markers.", "Mettre à jour ses README, entre les deux repères."),
)
def docs(name: str, *, write: bool) -> None:
    """Print the table of options, or write it where the connector's READMEs have it."""
    with operator_errors():
        connector = registry.load(name)
        if not write:
            click.echo(table(connector.config, "fr" if say("en", "fr") == "fr" else "en"))
            return
        readmes = documents.find_readmes(connector)
        if not readmes:
            raise OperatorError(
                say(f"{name} has no README.md beside its code", f"{name} n'a pas de README.md près de son code"),
                EXIT_NOT_FOUND,
            )
        for path, language in readmes.items():
            changed = documents.update(path, connector.config, language)
            click.echo(f"{path}: {say('updated', 'mis à jour') if changed else say('up to date', 'à jour')}")


@group.command(
    help=say("Begin a connector, in a package of its own.", "Commence un connecteur, dans un paquet à lui."),
    epilog=say(
        "tail follows a log, pull asks an API, push is posted to. What is written passes its tests.",
        "tail suit un journal, pull interroge une API, push reçoit des requêtes. Ce qui est écrit passe ses tests.",
    ),
)
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    default="tail",
    show_default=True,
    help=say("How its source is read.", "Comment sa source est lue."),
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help=say("Where its directory is made; here if not given.", "Où créer son dossier ; ici par défaut."),
)
def new(name: str, kind: Kind, into: Path) -> None:
    """Write the package, and say what to do next."""
    with operator_errors():
        root = begin(name, kind, into)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        click.echo(path)
    click.echo()
    click.echo(say("Next:", "Ensuite :"))
    click.echo(f"  pip install -e '{root}[test]'")
    click.echo(f"  pytest {root}")
    place = root / f"accueil_{name}"
    click.echo(
        say(
            f"  then change config.py, source.py and mapping.py in {place}",
            f"  puis modifier config.py, source.py et mapping.py dans {place}",
        )
    )


@contextmanager
def operator_errors() -> Iterator[None]:
    """Turn what is wrong with a connector or a file into an `OperatorError`."""
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
