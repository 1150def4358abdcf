"""Warnings about names in the settings that no connector can give, such as a misspelled queue.

The tables of a mapping list all names of its events, so the names of connectors with a mapping are known from the settings.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.config_errors import format_key_path, suggest
from connectors.sdk.mapping.config import MappedConfig
from connectors.sdk.mapping.event_fields import EVENT_MODELS, data_fields
from connectors.sdk.mapping.options import COMMON_NAMES, field_option, value_table
from connectors.sdk.mapping.toml_lines import find_line
from models.locale import N_, _
from models.policies import QUEUE_CHANNELS, SlaFile
from models.topics import Channel
from streams.settings.loader import find_file
from streams.settings.schema import Settings

_KINDS: Final[Mapping[str, str]] = {
    "queue": "queue",
    "to_queue": "queue",
    "site": "site",
    "service": "service",
    "procedure": "procedure",
    "option": "option",
}
"""Option of a mapping → kind of the names that it gives."""
_TEXTS: Final[Mapping[str, str]] = {
    "queue": N_("no connector has the queue {name!r} (channel: {channels})"),
    "site": N_("no connector has the site {name!r} (channel: {channels})"),
    "service": N_("no connector has the service {name!r} (channel: {channels})"),
    "procedure": N_("no connector has the procedure {name!r} (channel: {channels})"),
    "option": N_("no connector has the menu choice {name!r} (channel: {channels})"),
}

Names = Mapping[tuple[str, Channel], set[str]]
"""Names that connectors give, by kind and channel."""


class _Use(NamedTuple):
    """A name in the settings or the SLA file, at the path `keys`. It should be of one of `kinds` in one of their channels."""

    keys: tuple[str | int, ...]
    name: str
    kinds: Sequence[tuple[str, Channel]]


def find_unknown_names(settings: Settings, configs: Sequence[ConnectorConfig], config: Path | None = None) -> list[str]:
    """Return a line, with file and line number, per name of the settings and the SLA file that no connector gives.

    `config` is the settings file as passed to `load`. Return nothing if there is no connector, or one without a mapping, whose
    names are unknown. Names in channels of which no connector emits events are not checked.
    """
    mapped = [each for each in configs if isinstance(each, MappedConfig)]
    if not mapped or len(mapped) < len(configs):
        return []
    names = _find_names(mapped)
    lines = _find_in_file(find_file(config), _uses_in_settings(settings), names)
    if settings.sla:
        file = SlaFile.model_validate(tomllib.loads(settings.sla.read_text(encoding="utf-8")))
        lines += _find_in_file(settings.sla, _uses_in_policies(file), names)
    return lines


def _find_names(configs: Iterable[MappedConfig]) -> Names:
    names: dict[tuple[str, Channel], set[str]] = defaultdict(set)
    for config in configs:
        for event in config.events:
            channel = EVENT_MODELS[event.event].model_fields["channel"].default
            if not isinstance(channel, Channel):
                continue  # the event of a contact whose other events have the channel
            for option in _KINDS.keys() & (COMMON_NAMES | data_fields(event.event).keys()):
                found = names[_KINDS[option], channel]
                value = field_option(config, event, option)
                if value is not None:
                    chosen = value_table(config, option, value).values() if value.value is None else (value.value,)
                    found.update(map(str, chosen))
    return names


def _uses_in_settings(settings: Settings) -> Iterator[_Use]:
    for table, queue in settings.web.queues.items():
        keys: tuple[str, ...] = ("web", "queues", table)
        channel = Channel(queue.channel)
        yield _Use((*keys, "queue") if queue.queue else keys, queue.queue or table, [("queue", channel)])
        yield _Use((*keys, "site"), queue.site, [("site", channel)])
        yield _Use((*keys, "service"), queue.service, [("service", channel)])
    for table, service in settings.web.services.items():
        keys = ("web", "services", table)
        yield _Use(keys, table, [("service", channel) for channel in Channel])
        yield _Use((*keys, "site"), service.site, [("site", channel) for channel in Channel])
        yield from (_Use((*keys, "procedures"), name, [("procedure", Channel.FORM)]) for name in service.procedures)
    for table, reason in settings.contact_reasons.items():
        keys, channels = ("contact_reasons", table), reason.channels or tuple(Channel)
        for key, kind, given in (
            ("queues", "queue", reason.queues),
            ("procedures", "procedure", reason.procedures),
            ("menu_options", "option", reason.menu_options),
        ):
            yield from (_Use((*keys, key), name, [(kind, channel) for channel in channels]) for name in given)


def _uses_in_policies(file: SlaFile) -> Iterator[_Use]:
    for index, version in enumerate(file.policy):
        match, keys = version.match, ("policy", index, "match")
        channels = match.channel or tuple(Channel)
        reasons = [("queue" if channel in QUEUE_CHANNELS else "procedure", channel) for channel in channels]
        yield from (_Use((*keys, "reason"), name, reasons) for name in match.reason)
        for key, given in (("service", match.service), ("site", match.site)):
            yield from (_Use((*keys, key), name, [(key, channel) for channel in channels]) for name in given)


def _find_in_file(path: Path | None, uses: Iterable[_Use], names: Names) -> list[str]:
    text = path.read_text(encoding="utf-8") if path else ""
    found = [(use, problem) for use in uses if (problem := _check(use, names))]
    return [f"{path}:{find_line(text, use.keys)}: {problem}" if path else problem for use, problem in found]


def _check(use: _Use, names: Names) -> str:
    """Return the problem with a name; empty if a connector gives it, or if none emits events in its channels."""
    kinds = [kind for kind in use.kinds if kind in names]
    known = set[str]().union(*(names[kind] for kind in kinds))
    if not use.name or not kinds or use.name in known:
        return ""
    wanted = {kind for kind, _channel in kinds}
    others = sorted(channel for (kind, channel), found in names.items() if kind in wanted and use.name in found)
    hint = _("; the channel {channels} has it", channels=", ".join(others)) if others else suggest(use.name, known)
    text = _TEXTS[kinds[0][0]]
    problem = _(text, name=use.name, channels=", ".join(channel for _kind, channel in kinds))
    return f"{format_key_path(use.keys)}{_(':')} {problem}{hint}"
