"""`accueil connectors try` and `new --from`: the events that a mapping gives for sample records, and a proposed mapping."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from connectors.sdk import registry
from connectors.sdk.config import ConnectorConfig, is_secret
from connectors.sdk.contact_reasons import ContactReasons
from connectors.sdk.errors import ConfigError, describe_os_error
from connectors.sdk.instance import Instance
from connectors.sdk.mapping.config import MappedConfig, find_missing_tables, find_presets, mapping_path
from connectors.sdk.mapping.event_fields import CLOSED_LISTS
from connectors.sdk.mapping.fields import may_be_column
from connectors.sdk.mapping.options import find_fields
from connectors.sdk.mapping.proposal import propose
from connectors.sdk.mapping.reason_options import allowed_reasons
from connectors.sdk.mapping.record_mapping import RecordMapping
from connectors.sdk.mapping.trial import MISSING_TABLE, Trial, TriedRecord, find_unnamed
from connectors.sdk.mapping.unnamed_columns import name_columns
from connectors.sdk.probe import ProbedOutcomes, read_first, scratch
from connectors.sdk.record_source import RecordSource
from connectors.sdk.record_store import FILE
from connectors.sdk.runner import configure
from connectors.sdk.samples import PlacedRecord, find_lists, flatten, read_json_sample, seems_title, split_records
from models.locale import _, user_language
from models.topics import Channel
from streams.cli.base import pass_settings
from streams.cli.output_tables import print_table
from streams.cli.trial_figures import print_figures
from streams.cli.trial_report import (
    explain_no_records,
    print_optional,
    print_records,
    print_summary,
    print_unknown,
    print_unnamed,
)
from streams.runtime.process_specs import contact_reasons
from streams.settings.errors import OperatorError
from streams.settings.loader import load
from streams.settings.schema import Settings

DEFAULT_CONNECTOR: Final = "table"
TRIAL_NAME: Final = "try"
"""Name of the instance in the ids of events, for a mapping file that no settings use."""
CHANNELS: Final = tuple(channel.value for channel in Channel)
JSON_SUFFIXES: Final = frozenset({".json", ".jsonl", ".ndjson"})
DATABASE_SUFFIXES: Final = frozenset({".db", ".db3", ".sqlite", ".sqlite3"})
CONNECTORS: Final = ("table", "sql", "http", "webhook")
"""Connectors with a mapping that a sample may be proposed for. The last two read JSON."""
SAMPLE_RECORDS: Final = 1000
"""Records from which a mapping is proposed."""
MOST_COLUMNS: Final = 20
"""Most columns of a sample that an error lists."""
Options = dict[str, str | int | list[str | int]]
"""Options of a connector with which a sample was read."""


@click.command(
    "try",
    help=_("Show the events and figures that a mapping gives for sample records, without publishing."),
    epilog=_(
        "FILE is a mapping file, a preset (accueil connectors presets) or a settings file. "
        "Exit codes: 0 = all records usable; 1 = some rejected; 2 = fix the mapping first."
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--with",
    "samples",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=_("File with sample records; repeated, each file comes later. Default: the first records of the source."),
)
@click.option("--name", help=_("Connector in the settings file, if it has several."))
@click.option("--rows", type=click.IntRange(min=0), default=20, show_default=True, help=_("Records to print, by file."))
@click.option("--rejected", is_flag=True, help=_("Print only rejected records and those with a warning."))
@pass_settings
def command(
    settings: Settings, file: Path, samples: tuple[Path, ...], name: str | None, rows: int, *, rejected: bool
) -> None:
    instance, problem = _find_instance(file, name, samples, settings)
    config = instance.config
    assert isinstance(config, MappedConfig)  # as its connector supports samples
    directory = settings.data / "connectors"
    support = instance.connector.sample
    assert support is not None  # checked by `_configure`
    for sample in samples:
        _print_sheet(sample, getattr(config, "sheet", ""), support.list_sheets(sample))
    parts = _read_samples(instance, samples) if samples else [_read_source(instance, directory)]
    key = instance.context(directory, lasting=False).pseudonym_key(config.sector)
    mapping = RecordMapping(instance.source, config, key, instance.contact_reasons)
    trial, now = Trial(mapping, config, instance.reasons_after_map), datetime.now(UTC)
    tried = [list(trial.run(records, now)) for records in parts]
    for sample, records, results in zip(samples, parts, tried, strict=False):  # none without --with
        _check_sample(instance, sample, records, results)
    shown = [[record for record in part if not rejected or record.rejected or record.has_warning] for part in tried]
    zone = ZoneInfo(config.timezone or "UTC")
    print_records(shown, rows, zone)
    everything = [record for part in tried for record in part]
    print_summary(everything, trial, zone)
    print_figures(everything)
    reasons = allowed_reasons(config, instance.contact_reasons)
    print_unknown(trial.unknown, config, {**CLOSED_LISTS, "contact_reason": reasons})
    print_optional(trial.optional)
    print_unnamed(find_unnamed(config, (record.fields for part in parts for record in part if not record.problem)))
    if not everything and not samples:
        click.echo(_find_trouble(instance, directory) or explain_no_records(config))
    if problem:
        raise OperatorError(problem)
    if any(record.rejected for record in everything):
        raise SystemExit(1)


def _check_sample(
    instance: Instance, sample: Path, records: Sequence[PlacedRecord], tried: Sequence[TriedRecord]
) -> None:
    """Raise `OperatorError` if a sample without any event lacks the columns of the mapping: all its records are then rejected.

    A row of a database has all columns of the query; a record in JSON may lack some.
    """
    config = instance.config
    assert isinstance(config, MappedConfig)
    fields = [record.fields for record in split_records(records, config.each) if not record.problem]
    found = list(dict.fromkeys(name for record in fields for name in flatten(record)))
    missing = [name for name in find_fields(config) if name not in found and may_be_column(name)]
    is_row = hasattr(config, "query")
    if not found or not missing or any(record.events for record in tried):
        return
    if not is_row and len(find_unnamed(config, fields)) < len(found):
        return
    text = _(
        "{sample} lacks columns that the mapping reads: {missing}; columns found: {found}",
        sample=sample,
        missing=", ".join(missing[:MOST_COLUMNS]),
        found=", ".join(found[:MOST_COLUMNS]),
    )
    if is_row:
        text += _("; ") + _("export the result of the query, or leave out --with to read the database")
    raise OperatorError(text)


@click.command(help=_("List the mappings that come with Accueil, or print one."))
@click.argument("name", required=False)
def presets(name: str | None) -> None:
    if name is not None:
        click.echo(_read_text(name), nl=False)
        return
    rows = []
    for preset in find_presets():
        text = _read_text(preset)
        rows.append((preset, tomllib.loads(text).get("connector", DEFAULT_CONNECTOR), _describe_preset(text)))
    print_table((_("preset"), _("connector"), _("description")), rows)


def _describe_preset(text: str) -> str:
    """Return the first line of a preset; in another language the line that begins with it, such as `# fr: `, if there is one."""
    first, *others = text.splitlines()
    prefix = f"# {user_language()}: "
    return next((line.removeprefix(prefix) for line in others if line.startswith(prefix)), first.lstrip("# "))


@click.command(help=_("Print the JSON Schema of a connector's mapping files, for editors."))
@click.argument("connector", default=DEFAULT_CONNECTOR)
def schema(connector: str) -> None:
    model = registry.load(connector).config
    described = model.model_json_schema()
    described.pop("required", None)  # a settings file completes a mapping file
    click.echo(json.dumps(described, indent=2, ensure_ascii=False))


def create_mapping(
    name: str,
    sample: Path,
    connector: str | None,
    channel: str | None,
    widths: tuple[int, ...],
    skip_lines: int,
    sheet: str,
    into: Path,
) -> None:
    """Write the mapping file `NAME.toml` proposed for a sample. Raise `OperatorError` if it exists or there are no records.

    Without a `connector`, the one that reads such files is proposed. `widths` has the widths of the columns of a file of fixed
    width, in characters; `skip_lines` is the number of lines above the header; `sheet` is the sheet of a spreadsheet, by default
    the first.
    """
    path = into / f"{name}.toml"
    if path.exists():
        raise OperatorError(_("{path} already exists", path=path))
    connector = _choose_connector(connector, sample, has_form=bool(widths or skip_lines or sheet))
    is_json = sample.suffix.lower() in JSON_SUFFIXES
    support = registry.load(DEFAULT_CONNECTOR).sample
    assert support
    sheets = support.list_sheets(sample)
    if sheet and not sheets:
        raise OperatorError(_("{sample} is no spreadsheet: it has no sheet {sheet}", sample=sample, sheet=sheet))
    _print_sheet(sample, sheet, sheets)
    records, options = _read_json(sample) if is_json else _read_table(sample, widths, skip_lines, sheet)
    if is_json and not records:
        raise OperatorError(_("{sample} has no records", sample=sample))
    if not is_json:
        _check_table(records, sample, sheets)
    if connector == "sql":
        options |= {"table": sample.stem}
    into.mkdir(parents=True, exist_ok=True)
    text = propose(records, connector, Channel(channel) if channel else None, options)
    if is_json:
        text += _describe_lists(sample, options)
    path.write_text(text, encoding="utf-8")
    click.echo(path)
    click.echo(_("Next:"))
    step = _("check every line of {path}", path=path)
    click.echo(f"  {step}")
    click.echo(f"  accueil connectors try {path} --with {sample}")


def _check_table(records: Sequence[Mapping[str, Any]], sample: Path, sheets: Sequence[str]) -> None:
    """Raise `OperatorError` for a table that was not read as one: with a title, of fixed width, or in another sheet."""
    advice = _("if the first line is a title, add --skip-lines with the number of lines above the header")
    if len(sheets) > 1:
        advice = _(
            "if another sheet has the records, add --sheet with its name; "
            "if the first line is a title, add --skip-lines with the number of lines above the header"
        )
    if not records:
        raise OperatorError(_("{sample} has no records", sample=sample) + f"{_(':')} {advice}")
    if len(records[0]) == 1:
        if not sheets:
            advice = _("for columns of fixed width, add their widths in characters, such as --widths 10,8,20")
        raise OperatorError(_("{sample} has only one column", sample=sample) + f"{_(':')} {advice}")
    if seems_title([*records[0]]):
        raise OperatorError(_("{sample} has only one named column", sample=sample) + f"{_(':')} {advice}")


def _choose_connector(connector: str | None, sample: Path, *, has_form: bool) -> str:
    """Return the connector for a sample. Raise `OperatorError` if it cannot read such a file.

    `has_form` is true with options on the form of a table, such as the widths of its columns.
    """
    suffix = sample.suffix.lower()
    if suffix in DATABASE_SUFFIXES:
        advice = _(
            "export a table as CSV and add --connector sql, or describe the database in accueil.toml "
            "and run: accueil connectors try accueil.toml --name NAME"
        )
        raise OperatorError(_("{sample} is a database", sample=sample) + f"{_(':')} {advice}")
    is_json = suffix in JSON_SUFFIXES
    chosen = connector or ("http" if is_json else DEFAULT_CONNECTOR)
    if (chosen in {"http", "webhook"}) is not is_json:
        needed = _("a sample in JSON") if not is_json else _("a table such as CSV")
        raise OperatorError(_("{connector} needs {needed}", connector=chosen, needed=needed))
    if chosen == "sql" and (suffix != ".csv" or has_form):
        raise OperatorError(
            _("{connector} needs {needed}", connector=chosen, needed=_("an export as CSV with a header"))
        )
    return chosen


def _read_json(sample: Path) -> tuple[Sequence[Mapping[str, Any]], Options]:
    """Return the first records of a JSON file, for which there is no mapping yet, and the place of their list."""
    found, options = read_json_sample(sample), Options()
    if len(found) == 1 and (lists := find_lists(found[0].fields)):
        with suppress(ConfigError):  # the file is a list with one record, and has nothing at this path
            found, options = read_json_sample(sample, lists[0]), {"records": lists[0]}
    return [flatten(record.fields) for record in found[:SAMPLE_RECORDS]], options


def _describe_lists(sample: Path, options: Options) -> str:
    """Return a comment about the lists in the records of a JSON file; empty if there are none."""
    raw = read_json_sample(sample, str(options.get("records", "")))
    found = dict.fromkeys(name for record in raw[:SAMPLE_RECORDS] for name in find_lists(record.fields))
    if not found:
        return ""
    lists = ", ".join(found)
    note = _(
        "Lists in a record: {lists}. Name a value in one as {first}[0].…, or make a record of each element with `each`",
        lists=lists,
        first=next(iter(found)),
    )
    return f"# {note}\n"


def _print_sheet(sample: Path, sheet: str, sheets: Sequence[str]) -> None:
    """Print on standard error which sheet of a spreadsheet is read, if it has several. Without `sheet`, it is the first."""
    read = sheet or next(iter(sheets), "")
    if len(sheets) > 1 and read in sheets:
        others = ", ".join(name for name in sheets if name != read)
        click.echo(
            _("{sample}: sheet {read}; sheets not read: {others}", sample=sample, read=read, others=others), err=True
        )


def _read_table(
    sample: Path, widths: tuple[int, ...], skip_lines: int, sheet: str
) -> tuple[Sequence[Mapping[str, Any]], Options]:
    """Return the first rows of a table, for which there is no mapping yet, and the options that say how it is read.

    A first line of fixed width is a header if it has no digit. Without a header, the columns are named by their values.
    """
    given: Options = {"skip_lines": skip_lines, "sheet": sheet}
    form = {name: value for name, value in given.items() if value}
    if not widths:
        return _read_rows(sample, form), form
    form |= {"widths": [*widths], "columns": [f"column {number}" for number in range(1, len(widths) + 1)]}
    rows = _read_rows(sample, form)
    if rows and not any(map(str.isdigit, "".join(rows[0].values()))):
        del form["columns"]
    elif rows:
        form["columns"] = [*name_columns(rows)]
    return _read_rows(sample, form), form


def _read_rows(sample: Path, form: Options) -> Sequence[Mapping[str, Any]]:
    table = registry.load(DEFAULT_CONNECTOR)
    mapping = {"id": {"value": "1"}, "events": [{"event": "email.received", "time": {"value": "2026-01-01"}}]}
    assert table.sample
    config = configure(
        TRIAL_NAME, DEFAULT_CONNECTOR, {**mapping, **form, **table.sample.required_options(sample)}
    ).config
    return [record.fields for record in table.sample.read(config, sample) if not record.problem][:SAMPLE_RECORDS]


def _find_instance(file: Path, name: str | None, samples: Sequence[Path], settings: Settings) -> tuple[Instance, str]:
    """Return the instance of a settings file, or one made from a mapping file or a preset. Raise `OperatorError`.

    If tables of names are missing, it gets empty ones, to list the values; the text says which ones.
    """
    try:
        options = _read_toml(mapping_path(str(file)))
    except ValueError as error:
        raise OperatorError(str(error)) from None
    connectors = options.get("connectors")
    if isinstance(connectors, dict):
        table = _choose(connectors, name, file)
        connector = table.pop("connector", "")
        reasons = contact_reasons(load(file) if "contact_reasons" in options else settings)
        return _configure(name or next(iter(connectors)), connector, table, samples, reasons)
    if not samples:
        raise OperatorError(_("{file} has no address of a source: add --with FILE", file=file))
    connector = options.get("connector", DEFAULT_CONNECTOR)
    return _configure(TRIAL_NAME, connector, {"mapping": str(file)}, samples, contact_reasons(settings))


def _choose(connectors: Mapping[str, Any], name: str | None, file: Path) -> dict[str, Any]:
    if name is None and len(connectors) > 1:
        listed = ", ".join(connectors)
        raise OperatorError(_("{file} has several connectors: add --name, one of {listed}", file=file, listed=listed))
    table = connectors.get(name) if name else next(iter(connectors.values()), None)
    if not isinstance(table, dict):
        raise OperatorError(_("{file} has no connector {name!r}", file=file, name=name))
    return dict(table)


def _configure(
    name: str, connector: str, options: dict[str, Any], samples: Sequence[Path], reasons: ContactReasons
) -> tuple[Instance, str]:
    found = registry.load(connector)
    if found.sample is None:
        raise OperatorError(_("{connector} has no mapping to try", connector=connector))
    if samples:
        options = found.sample.complete(_without_secrets(found.config, options), samples[0])
    try:
        return configure(name, connector, options, contact_reasons=reasons), ""
    except ConfigError as error:
        missing = find_missing_tables(found.config, options)
        if not missing:
            raise
        values = {**options.get("values", {}), **dict.fromkeys(missing, MISSING_TABLE)}
        try:
            return configure(name, connector, {**options, "values": values}, contact_reasons=reasons), str(error)
        except ConfigError:
            raise error from None


def _without_secrets(config: type[ConnectorConfig], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` without passwords, whose files may not be there yet: a trial with files does not connect to the source."""
    secrets = {name for name, field in config.model_fields.items() if is_secret(field.annotation)}
    return {
        key: value for key, value in options.items() if key.removesuffix("_file").removesuffix("_env") not in secrets
    }


def _read_text(preset: str) -> str:
    try:
        return mapping_path(preset).read_text(encoding="utf-8")
    except ValueError as error:
        raise OperatorError(str(error)) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise OperatorError(describe_os_error(error, path)) from None
    except ValueError as error:
        raise OperatorError(_("{path} is not valid TOML: {error}", path=path, error=error)) from None


def _read_samples(instance: Instance, samples: Sequence[Path]) -> list[Sequence[PlacedRecord]]:
    """Return the records of each sample; if there are several, their places name the file."""
    support = instance.connector.sample
    assert support is not None  # checked by `_configure`
    found = [support.read(instance.config, sample) for sample in samples]
    if len(samples) == 1:
        return found
    return [
        [record._replace(place=f"{sample.name}, {record.place}") for record in records]
        for sample, records in zip(samples, found, strict=True)
    ]


def _read_source(instance: Instance, directory: Path) -> Sequence[PlacedRecord]:
    """Return the first records of the source, from its beginning. Change nothing there. Raise `OperatorError`.

    The instance may be running: its stored state is not read.
    """
    if not instance.connector.position_files(instance.config):
        raise OperatorError(_("{name} receives its records: add --with FILE", name=instance.source))
    with (
        scratch(instance.context(directory, lasting=False), FILE, "*") as own,
        closing(instance.connector.open(instance.config, own)) as source,
    ):
        assert isinstance(source, RecordSource)
        return source.read_page().records


def _find_trouble(instance: Instance, directory: Path) -> str:
    """Return why a source without records cannot be read, such as a missing file; empty if it can. Change nothing there."""
    with scratch(instance.context(directory, lasting=False), FILE, "*") as own:
        outcomes = read_first(instance.connector, instance.config, own)
    return outcomes.trouble if isinstance(outcomes, ProbedOutcomes) else ""
