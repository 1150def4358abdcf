"""Settings: sources and priorities, errors with origin and key, masked secrets."""

from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from connectors.sdk import registry
from connectors.sdk.config import ConnectorConfig, Options
from connectors.sdk.contract import Connector, Context, Source
from streams.core.figures.figure import Dimensions
from streams.core.figures.figure_schemas import WAIT_BOUNDS
from streams.runtime.process_specs import web_options
from streams.settings.loader import describe, find_file, load
from streams.settings.schema import ConfigError, Kafka
from streams.web.options import QueueOptions, ReasonOptions, ServiceOptions, Thresholds, WebOptions


def write(text: str, name: str = "accueil.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(text: str = "") -> list[str]:
    """Return the errors of a settings file with this text, in the current environment."""
    write(text)
    with pytest.raises(ConfigError) as refusal:
        load()
    return str(refusal.value).splitlines()


def test_variable_overrides_only_its_own_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[web]\nport = 8081\nhost = "0.0.0.0"\n[connectors.siege]\nconnector = "asterisk"\npath = "a"')
    monkeypatch.setenv("ACCUEIL_WEB__PORT", "8082")
    monkeypatch.setenv("ACCUEIL_CONNECTORS__SIEGE__PATH", "b")
    settings = load()
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 8082)
    assert settings.connectors["siege"].connector == "asterisk"
    assert settings.connectors["siege"].options == {"path": "b"}


def test_settings_file_comes_from_argument_variable_or_current_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_file() is None
    path = write("")
    assert find_file() == path
    monkeypatch.setenv("ACCUEIL_CONFIG", "elsewhere.toml")
    assert find_file() == Path("elsewhere.toml")
    assert find_file(Path("named.toml")) == Path("named.toml")


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[web]\nprot = 1", "accueil.toml: web.prot is unknown; did you mean web.port?"),
        (
            '[web.queues.rsa]\nname = "RSA"',
            (
                "accueil.toml: web.queues.rsa.name is unknown; known: queue, channel, site, service, label_fr, label_en, "
                "waiting, longest_wait_seconds"
            ),
        ),
        ("[web]\nport = 99999", "accueil.toml: web.port must be at most 65535"),
        ('[identities]\nblocked = ["a", 3]', "accueil.toml: identities.blocked #2 must be a text"),
        ('[web]\nport = "http"', "accueil.toml: web.port must be a whole number"),
        (
            '[contact_reasons.rsa]\nsubject_words = ["RSA", "??"]',
            "accueil.toml: contact_reasons.rsa.subject_words #2 must contain a letter or digit",
        ),
        ('[log]\nformat = "xml"', "accueil.toml: log.format must be 'console' or 'json'"),
        ('[web]\ntime_zone = "Paris"', "accueil.toml: web.time_zone must be a time zone such as Europe/Paris"),
        (
            '[web]\nholidays = "Sundays"',
            'accueil.toml: web.holidays must be a country or a part of it, such as "FR", "FR-57" or "FR-974", or empty',
        ),
        (
            "[web]\ntarget_seconds = 21",
            f"accueil.toml: web.target_seconds must be one of {', '.join(map(str, WAIT_BOUNDS))}",
        ),
        (
            "[web]\nservice_level = {attention = 0.6, action = 0.8}",
            (
                "accueil.toml: web.service_level has reversed thresholds: "
                "low values are bad, so action must be at most attention"
            ),
        ),
        (
            "[web]\nabandonment = {attention = 0.2, action = 0.1}",
            (
                "accueil.toml: web.abandonment has reversed thresholds: "
                "high values are bad, so action must be at least attention"
            ),
        ),
        (
            '[web.queues.rsa]\n[web.queues.rsa-2]\nqueue = "rsa"',
            "accueil.toml: web.queues has the same queue twice: rsa, rsa-2",
        ),
        ("[web]\nabandonment = {attention = 0.1}", "accueil.toml: web.abandonment.action is missing"),
        (
            '[timeline]\nurl = "postgresql://db.example.org/accueil"',
            "accueil.toml: timeline.url must begin with sqlite:/// or postgresql+psycopg://",
        ),
        ('[connectors.siege]\npath = "a"', "accueil.toml: connectors.siege.connector is missing"),
    ],
)
def test_error_in_the_file_gives_one_line(text: str, mistake: str) -> None:
    assert mistakes(text) == [mistake]


@pytest.mark.parametrize(
    ("variable", "value", "mistake"),
    [
        ("ACCUEIL_DATE", "x", "ACCUEIL_DATE: date is unknown; did you mean data?"),
        ("ACCUEIL_WEBB__PORT", "1", "ACCUEIL_WEBB__PORT: webb is unknown; did you mean web?"),
        ("ACCUEIL_WEB__PORT__X", "1", "ACCUEIL_WEB__PORT__X: web.port.x is unknown"),
        ("ACCUEIL_LOG", "info", "ACCUEIL_LOG: must be JSON"),
        ("ACCUEIL_WEB__PORT", "http", "ACCUEIL_WEB__PORT: web.port must be a whole number"),
        ("ACCUEIL_WEB__QUEUES", "{", "ACCUEIL_WEB: must be JSON"),
    ],
)
def test_error_in_a_variable_names_the_variable(
    variable: str, value: str, mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert mistakes("[web]\nport = 8081") == [mistake]


def test_all_errors_are_reported_together_in_french(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert mistakes("partition = 3\n[web]\nport = 99999") == [
        "accueil.toml: web.port attend au plus 65535",
        "accueil.toml: partition est inconnue ; vouliez-vous dire partitions ?",
    ]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"[web\nport = 1", "not valid TOML: Expected ']' at the end of a table declaration (at line 1, column 5)"),
        ("# ouvert\n# à midi".encode("latin-1"), "not UTF-8 (at line 2)"),
    ],
)
def test_invalid_file_is_reported_with_its_option_or_variable(
    content: bytes, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusal(config: Path | None = None) -> str:
        with pytest.raises(ConfigError) as refused:
            load(config)
        return str(refused.value)

    file = Path("accueil.toml")
    file.write_bytes(content)
    assert refusal() == f"accueil.toml: {error}"
    assert refusal(file) == f"--config: accueil.toml: {error}"
    monkeypatch.setenv("ACCUEIL_CONFIG", "accueil.toml")
    assert refusal() == f"ACCUEIL_CONFIG: accueil.toml: {error}"


class Account(Options):
    """An account."""

    user: str
    """User name."""
    pin: SecretStr
    """Secret."""


class ExternalConfig(ConnectorConfig):
    """Configuration of an external connector, with its own names for secrets."""

    api_key: SecretStr
    """Masked."""
    tokens_kept: int = 3
    """Shown despite its name."""
    accounts: dict[str, Account] = Field(default_factory=dict)
    """Accounts by name."""
    others: tuple[Account, ...] = ()
    """Accounts in a list."""


@pytest.fixture
def _external_connector(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_source(config: ExternalConfig, context: Context) -> Source[object, object]:
        raise NotImplementedError

    connector = Connector("ami", ExternalConfig, open_source)
    monkeypatch.setattr(registry, "load", {"ami": connector}.__getitem__)


@pytest.mark.usefixtures("_external_connector")
def test_secrets_of_a_connector_are_masked_by_their_type() -> None:
    config = write(
        """
        [connectors.siege]
        connector = "ami"
        api_key = "hush"
        api_key_file = "/run/secrets/ami"
        tokens_kept = 4
        others = [{user = "b", pin = "hush"}]
        no_such = "hush"
        [connectors.siege.accounts.a]
        user = "a"
        pin = "hush"
        """
    )
    shown = {key: value for key, value, _ in describe(load(config), config) if key.startswith("connectors.")}
    assert shown == {
        "connectors.siege.connector": "ami",
        "connectors.siege.api_key": "********",
        "connectors.siege.api_key_file": "/run/secrets/ami",
        "connectors.siege.tokens_kept": 4,
        "connectors.siege.others": "********",
        "connectors.siege.no_such": "********",
        "connectors.siege.accounts.a.user": "a",
        "connectors.siege.accounts.a.pin": "********",
    }


def test_options_of_an_unknown_connector_are_masked() -> None:
    config = write('[connectors.siege]\nconnector = "no-such"\napi_key = "hush"')
    shown = {key: value for key, value, _ in describe(load(config), config)}
    assert shown["connectors.siege.api_key"] == "********"


def test_board_receives_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", "kafka:9092")
    plain = WebOptions(brokers="kafka:9092", client={"security_protocol": "PLAINTEXT"})
    assert web_options(load()) == plain
    options = web_options(
        load(
            write(
                """
                [web]
                host = "::1"
                port = 8081
                hosts = ["accueil.example.org"]
                max_viewers = 20
                title = "Maison"
                title_en = "House"
                time_zone = "Indian/Reunion"
                holidays = "FR-974"
                target_seconds = 30
                desk_target_seconds = 600
                short_abandon_seconds = 5
                stale_after_seconds = 20
                fewest_answers = 10
                quiet_after_seconds = 600
                quiet_after_seconds_of = {mail = 14400}
                formula = "offered_share"
                service_level = {attention = 0.9, action = 0.7}
                abandonment = {attention = 0.05, action = 0.1}
                backlog_age_seconds = {mail = {attention = 60, action = 120}}
                wall_seconds = 30
                wall_views = ["phone", "day"]
                [web.queues.rsa]
                site = "siege"
                label_fr = "RSA"
                waiting = {attention = 1, action = 2}
                longest_wait_seconds = {attention = 3, action = 4}
                [web.services.autonomie]
                label_fr = "Autonomie"
                site = "siege"
                channels = ["mail", "appointment"]
                procedures = ["apa"]
                [contact_reasons.aides]
                label_fr = "Aides"
                channels = ["call"]
                [kafka]
                security_protocol = "SASL_PLAINTEXT"
                """
            )
        )
    )
    same = {field.name for field in fields(WebOptions) if getattr(options, field.name) == getattr(plain, field.name)}
    assert same == {"brokers"}
    assert options.reasons == (ReasonOptions("aides", "Aides", "Aides", ("call",)),)
    assert options.services == (
        ServiceOptions(
            "autonomie",
            "Autonomie",
            "Autonomie",
            (
                Dimensions("mail", "siege", "autonomie", ""),
                Dimensions("appointment", "siege", "autonomie", ""),
                Dimensions("form", "siege", "autonomie", "apa"),
            ),
        ),
    )
    assert options.queues == (
        QueueOptions(Dimensions("call", "siege", "", "rsa"), "RSA", "RSA", Thresholds(1, 2), Thresholds(3, 4)),
    )
    (queue,) = web_options(load(write('[web.queues.annexe-rsa]\nsite = "annexe"\nqueue = "rsa"'))).queues
    assert queue == QueueOptions(Dimensions("call", "annexe", "", "rsa"), "rsa", "rsa")
    (queue,) = web_options(load(write("[web.queues.rsa]"))).queues
    assert queue == QueueOptions(Dimensions("call", "", "", "rsa"), "rsa", "rsa")


def test_front_desks_have_longer_default_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", "kafka:9092")
    (desk,) = web_options(load(write('[web.queues.cdas]\nchannel = "visit"'))).queues
    assert desk.longest_wait_seconds == Thresholds(900, 1800)
    (desk,) = web_options(
        load(write('[web.queues.cdas]\nchannel = "visit"\nlongest_wait_seconds = {attention = 1, action = 2}'))
    ).queues
    assert desk.longest_wait_seconds == Thresholds(1, 2)


def test_password_can_come_from_a_file() -> None:
    write("hush\n", "password")
    kafka = Kafka(security_protocol="SASL_PLAINTEXT", sasl_username="accueil", sasl_password_file=Path("password"))
    assert kafka.client_options() == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "accueil",
        "sasl_plain_password": "hush",
    }


@pytest.mark.parametrize("setting", ["ssl_cafile", "ssl_certfile"])
def test_missing_certificate_gives_one_line(setting: str) -> None:
    with pytest.raises(ConfigError, match=r"^kafka: nowhere\.pem is not there"):
        Kafka(security_protocol="SSL", **{setting: Path("nowhere.pem")}).client_options()


def test_variables_set_nested_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", "kafka-1:9092,kafka-2:9092")
    monkeypatch.setenv("ACCUEIL_WEB__QUEUES", '{"rsa": {"label_fr": "RSA"}}')
    monkeypatch.setenv("ACCUEIL_WEB__ABANDONMENT__ATTENTION", "0.2")
    monkeypatch.setenv("ACCUEIL_WEB__ABANDONMENT__ACTION", "0.3")
    settings = load()
    assert settings.brokers == "kafka-1:9092,kafka-2:9092"
    assert settings.web.queues["rsa"].label_fr == "RSA"
    assert settings.web.abandonment.action == 0.3


@pytest.mark.parametrize(
    ("brokers", "good"),
    [("[::1]:9092,kafka-2:9092", True), ("::1:9092", False), ("[kafka]:9092", False), ("kafka", False)],
)
def test_brokers_need_host_and_port(brokers: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCUEIL_BROKERS", brokers)
    if good:
        assert load().brokers == brokers
    else:
        with pytest.raises(ConfigError, match="ACCUEIL_BROKERS"):
            load()


def test_services_and_queues_have_displayed_names() -> None:
    web = load(
        write(
            '[web.services]\nmdph = { label_fr = "MDPH" }\npmi = {}\n'
            '[web.queues.rsa]\nsite = "siege"\nlabel_fr = "RSA"\nlabel_en = "Income support"\n'
            '[web.queues.desk]\nqueue = "rsa"\nchannel = "visit"\nlabel_fr = "Guichet"\n[web.queues.pmi]\n'
        )
    ).web
    assert (web.name_services("fr"), web.name_services("en")) == ({"mdph": "MDPH"}, {"mdph": "MDPH"})
    named = {("call", "siege", "rsa"): "Income support", ("visit", "", "rsa"): "Guichet"}
    assert web.name_queues("en") == named
    assert web.name_queues("fr") == named | {("call", "siege", "rsa"): "RSA"}


def test_reasons_for_contact_have_displayed_names() -> None:
    settings = load(write('[contact_reasons]\naides = { label_fr = "Aides", label_en = "Aid" }\nsuivi = {}\n'))
    assert (settings.name_reasons("fr"), settings.name_reasons("en")) == ({"aides": "Aides"}, {"aides": "Aid"})
