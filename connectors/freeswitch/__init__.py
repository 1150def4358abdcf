"""FreeSWITCH connector: calls and agents of mod_callcenter queues, live through the event socket (ESL)."""

from connectors.freeswitch.config import FreeswitchConfig
from connectors.freeswitch.simulate.command import command
from connectors.freeswitch.source import FreeswitchSource
from connectors.sdk.contract import Connector
from models.locale import N_

CONNECTOR = Connector(
    "freeswitch",
    FreeswitchConfig,
    FreeswitchSource,
    simulate=command,
    description=N_(
        "Telephone switchboard FreeSWITCH: calls and agents of mod_callcenter's queues, by the event socket (ESL)"
    ),
    position_files=lambda _: (),
)
