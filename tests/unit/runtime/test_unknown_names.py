"""Names in the settings that no mapping gives are warnings of `accueil config check`, with their line."""

from pathlib import Path

import pytest

from streams.runtime.process_specs import configure_connectors
from streams.runtime.unknown_names import find_unknown_names
from streams.settings.loader import load
from tests.support.commands import _no_settings  # noqa: F401 - a fixture

CONNECTORS = """sla = "sla.toml"
[connectors.appels]
connector = "table"
files = "appels-*.csv"
timezone = "Europe/Paris"
id = "id"
site = { value = "siege" }
service = "service"
queue = "file"
option = "choix"
events = [{ event = "call.queued", time = "debut" }, { event = "call.menu_chosen", time = "choisi" }]
values.service = { "S" = "social" }
values.queue = { "A" = "accueil", "*" = "rsa" }
values.option = { "1" = "aides" }
[connectors.guichet]
connector = "table"
files = "guichet-*.csv"
id = "id"
queue = "file"
events = [{ event = "visit.arrived", time = "debut" }]
values.queue = { "M" = "mdph" }
"""
SLA = """[calendars.siege]
timezone = "Europe/Paris"
versions = [{ from = 2020-01-01, monday = ["08:30-12:30"] }]
"""


def warnings(settings: str, policies: str = "") -> list[str]:
    """Return the warnings about `settings` below the connectors, and about `policies` in the SLA file."""
    Path("sla.toml").write_text(SLA + policies)
    Path("accueil.toml").write_text(CONNECTORS + settings)
    loaded = load()
    return find_unknown_names(loaded, [instance.config for instance in configure_connectors(loaded)])


def policy(match: str) -> str:
    target = 'clocks.answer = { target = 60, unit = "elapsed" }'
    return f'[[policy]]\nname = "p"\nmatch = {{ {match} }}\ncalendar = "siege"\n{target}\n'


LINE = CONNECTORS.count("\n") + 1


@pytest.mark.parametrize(
    ("settings", "warning"),
    [
        (
            "[web.queues.acueil]\n",
            f"{LINE}: web.queues.acueil: no connector has the queue 'acueil' (channel: call); did you mean accueil?",
        ),
        (
            "[web.queues.mdph]\n",
            f"{LINE}: web.queues.mdph: no connector has the queue 'mdph' (channel: call); the channel visit has it",
        ),
        (
            '[web.queues.un]\nqueue = "rsaa"\n',
            f"{LINE + 1}: web.queues.un.queue: no connector has the queue 'rsaa' (channel: call); did you mean rsa?",
        ),
        (
            '[web.queues.rsa]\nsite = "sige"\n',
            f"{LINE + 1}: web.queues.rsa.site: no connector has the site 'sige' (channel: call); did you mean siege?",
        ),
        (
            "[web.services.voirie]\n",
            f"{LINE}: web.services.voirie: no connector has the service 'voirie' (channel: call, visit)",
        ),
        (
            '[contact_reasons.aides]\nmenu_options = ["aides", "aide"]\n',
            (
                f"{LINE + 1}: contact_reasons.aides.menu_options: no connector has the menu choice 'aide' "
                "(channel: call); did you mean aides?"
            ),
        ),
    ],
)
def test_name_that_no_connector_gives_is_reported_with_its_line(settings: str, warning: str) -> None:
    assert warnings(settings) == [f"accueil.toml:{warning}"]


def test_name_in_a_policy_is_reported_with_its_line() -> None:
    found = warnings("", policy('channel = "call", reason = ["acceuil", "rsa"]') + policy('service = "sociale"'))
    assert found == [
        "sla.toml:6: policy #1.match.reason: no connector has the queue 'acceuil' (channel: call); did you mean accueil?",
        (
            "sla.toml:11: policy #2.match.service: no connector has the service 'sociale' (channel: call, visit); "
            "did you mean social?"
        ),
    ]


def test_known_names_and_channels_without_a_connector_give_no_warning() -> None:
    queues = '[web.queues.rsa]\nsite = "siege"\nservice = "social"\n[web.queues.mdph]\nchannel = "visit"\n'
    reason = '[contact_reasons.aides]\nmenu_options = ["aides"]\nqueues = ["mdph"]\nprocedures = ["aide"]\n'
    assert warnings(queues + reason, policy('channel = "mail", service = "archives"')) == []


def test_names_of_a_connector_without_a_mapping_are_unknown() -> None:
    log = '[connectors.siege]\nconnector = "asterisk"\npath = "queue_log"\n'
    assert warnings(f"{log}[web.queues.acueil]\n") == []
