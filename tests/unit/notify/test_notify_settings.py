"""Settings of receivers: each error is named; secrets come from files and are never shown."""

from pathlib import Path

import pytest

from streams.notify.notifier import receivers
from streams.notify.store import Receivers
from streams.runtime.process_specs import notify_options
from streams.runtime.up import Plan
from streams.settings.loader import describe, load
from streams.settings.schema import ConfigError
from tests.support.webhooks import SECRET

GOOD = f"""
[notify]
dashboard_url = "https://accueil.example.org/?service={{service}}"
[notify.alertmanagers.local]
url = "http://127.0.0.1:9093/"
[notify.webhooks.astreinte]
url = "https://astreinte.example.org/accueil/"
secret = "{SECRET}"
severities = ["critical"]
[notify.mails.superviseurs]
host = "smtp.example.org"
username = "accueil"
password_file = "password"
sender = "accueil@example.org"
recipients = ["superviseurs@example.org"]
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")
    Path("password").write_text("sesame\n", encoding="utf-8")
    Path("accents").write_text("s\u00e9same\n", encoding="utf-8")
    return tmp_path


def write(text: str) -> Path:
    path = Path("accueil.toml")
    path.write_text(text, encoding="utf-8")
    return path


def test_receivers_are_read_from_the_settings() -> None:
    options = notify_options(load(write(GOOD)), brokers="127.0.0.1:9092")
    assert receivers(options) == Receivers(
        ("alertmanagers.local",),
        {"webhooks.astreinte": ("breached",), "mails.superviseurs": ("breached", "at_risk")},
        {"mails.superviseurs"},
    )
    password = options.settings.mails["superviseurs"].password
    assert password is not None
    assert password.get_secret_value() == "sesame"


def test_secret_of_microsoft_is_read_and_not_shown() -> None:
    oauth = 'oauth = { tenant = "t", client_id = "c", client_secret_file = "password" }'
    path = write(GOOD.replace('password_file = "password"', oauth))
    read = notify_options(load(path), brokers="127.0.0.1:9092").settings.mails["superviseurs"].oauth
    assert read is not None
    assert read.client_secret is not None
    assert read.client_secret.get_secret_value() == "sesame"
    assert "sesame" not in str(list(describe(load(path), path)))


def test_secrets_are_not_shown() -> None:
    path = write(GOOD)
    shown = str(list(describe(load(path), path)))
    assert SECRET not in shown
    assert "sesame" not in shown


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('url = "http://127.0.0.1:9093/"', 'url = "127.0.0.1:9093"', "notify.alertmanagers.local.url must be http"),
        ('url = "http://127.0.0.1:9093/"', 'url = "http://a:b@example.org"', "notify.alertmanagers.local.url must be"),
        ('url = "http://127.0.0.1:9093/"', 'url = "http://example.org:x"', "notify.alertmanagers.local.url must be"),
        ("{service}", "{citizen}", "notify.dashboard_url may contain only the fields {contact}, "),
        (SECRET, "court", "notify.webhooks.astreinte.secret must be whsec_"),
        ('"critical"', '"fatal"', "notify.webhooks.astreinte.severities #1 "),
        ("superviseurs@", "superviseurs", "notify.mails.superviseurs.recipients #1 "),
        ('username = "accueil"', 'username = "accueil"\nsecurity = "none"', "must not send a password unencrypted"),
        ('username = "accueil"', 'username = "accueillé"', "notify.mails.superviseurs.username must be ASCII"),
        ('"password"', '"accents"', "notify.mails.superviseurs.password must be ASCII"),
        ('"password"', '"passwort"', "(password_file) passwort is not there"),
        ("host =", "hosts =", "notify.mails.superviseurs.hosts is unknown"),
    ],
)
def test_error_is_named_without_the_secret(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as error:
        load(write(GOOD.replace(old, new)))
    assert message in str(error.value)
    assert "sesame" not in str(error.value)


def test_notify_is_started_if_it_has_receivers(tmp_path: Path) -> None:
    assert list(Plan(load(write("")), None, tmp_path, demo=False).notify()) == []
    (program,) = Plan(load(write(GOOD)), None, tmp_path, demo=False).notify()
    assert program.name == "notify"
    assert program.health is not None
    with pytest.raises(ConfigError, match="no receiver"):
        notify_options(load(write("")), brokers="")
