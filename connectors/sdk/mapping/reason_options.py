"""Options of the event `contact.reason_set`: its channel, and names from the closed list of the settings."""

from collections.abc import Iterator

from connectors.sdk.contact_reasons import REASON_SET, ContactReasons, describe_unlisted
from connectors.sdk.mapping.event_fields import EVENT_MODELS
from connectors.sdk.mapping.options import EventOptions, MappingOptions, field_option, value_table
from connectors.sdk.mapping.problems import Problem
from models.locale import _
from models.topics import Channel

_Keys = tuple[str | int, ...]


def channel_of(mapping: MappingOptions, event: EventOptions) -> Channel:
    """Return the channel of an event; of a reason for contact, the option `channel`, else that of the other events.

    Raises `ValueError` if these have no channel or several.
    """
    if event.event != REASON_SET:
        return _channel_field(event)
    if event.channel is None:
        (channel,) = _other_channels(mapping)
        return channel
    return event.channel


def find_reason_problems(mapping: MappingOptions, contact_reasons: ContactReasons | None) -> Iterator[Problem]:
    """Yield what is wrong with the reasons for contact in a mapping. None: their names are not checked."""
    others = _other_channels(mapping)
    is_unset = contact_reasons is not None and not any(map(contact_reasons.names_of, Channel))
    for index, event in enumerate(mapping.events):
        keys: _Keys = ("events", index)
        if event.event != REASON_SET:
            if event.channel is not None:
                yield Problem((*keys, "channel"), _("is only for {event}", event=REASON_SET))
        elif event.channel is None and len(others) != 1:
            listed = ", ".join(sorted(others)) or _("none")
            yield Problem(
                (*keys, "channel"),
                _("is missing: the other events have several channels, or none ({listed})", listed=listed),
            )
        elif is_unset:
            missing = _("needs contact_reasons, but the settings (./accueil.toml, or the file of --config) have none")
            yield Problem(keys, missing)
            return
        elif contact_reasons is not None:
            channel = channel_of(mapping, event)
            known = contact_reasons.names_of(channel)
            for place, name in _names(mapping, event, keys):
                if name not in known:
                    yield Problem(place, describe_unlisted(name, channel, known))


def allowed_reasons(mapping: MappingOptions, contact_reasons: ContactReasons) -> tuple[str, ...]:
    """Return the names of the reasons that the events of a mapping may have."""
    channels = [channel_of(mapping, event) for event in mapping.events if event.event == REASON_SET]
    return tuple(dict.fromkeys(name for channel in channels for name in contact_reasons.names_of(channel)))


def _names(mapping: MappingOptions, event: EventOptions, keys: _Keys) -> Iterator[tuple[_Keys, str]]:
    """Yield the reasons that a mapping names, each with the path of its option."""
    value = field_option(mapping, event, "contact_reason")
    if value is None:
        return
    own: _Keys = (*keys, "contact_reason") if event.contact_reason is not None else ("contact_reason",)
    if value.value is not None:
        yield (*own, "value"), str(value.value)
        return
    table: _Keys = (*own, "values") if value.values else ("values", "contact_reason")
    for source, name in value_table(mapping, "contact_reason", value).items():
        yield (*table, source), str(name)


def _other_channels(mapping: MappingOptions) -> set[Channel]:
    return {_channel_field(event) for event in mapping.events if event.event != REASON_SET}


def _channel_field(event: EventOptions) -> Channel:
    channel: Channel = EVENT_MODELS[event.event].model_fields["channel"].default
    return channel
