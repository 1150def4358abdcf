"""The command line: help, both languages, and one-line errors."""

import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from connectors.sdk import registry
from connectors.sdk.ports import free_port
from streams.cli.base import confirm
from streams.cli.main import SECTIONS, main
from tests.support.commands import error, run

ROOT = Path(__file__).parents[3]


ACCUEIL = (sys.executable, "-m", "streams.cli.main")


def test_help_imports_no_heavy_libraries() -> None:
    code = (
        "import sys\nfrom streams.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print({'pydantic', 'kafka', 'faust', 'starlette', 'jgo'} & set(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "dead-letters" in output
    assert output.splitlines()[-1] == "set()"


@pytest.mark.parametrize("command", [("timeline", "show"), ("notify", "test"), ("sla", "check"), ("up",)])
def test_help_needs_no_valid_settings(command: tuple[str, ...]) -> None:
    Path("accueil.toml").write_text("port = ")
    assert run(*command, "--help").exit_code == 0


def test_version_is_an_option_and_a_command() -> None:
    Path("accueil.toml").write_text("port = ")
    expected = f"accueil {version('accueil')}\n"
    assert run("--version").output == run("version").output == expected
    assert re.search(r"--version +Print the version\.", run("--help").output)


def test_help_is_in_the_language_of_the_locale() -> None:
    for language, words in {
        "fr_FR.UTF-8": "Démarrer tout sur cette machine",
        "C": "Start everything on this machine",
    }.items():
        environment = {**os.environ, "LC_ALL": language, "PYTHONUTF8": "1"}
        command = [*ACCUEIL, "up", "--help"]
        assert words in subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--help",), "\nDémarrer et faire tourner :\n"),
        (("topics", "--help"), "\nCommandes :\n"),
        (("nowhere",), "Erreur : Il n'y a pas de commande 'nowhere'."),
        (("up", "--domo"), "Il n'y a pas d'option --domo. Vouliez-vous dire --demo ?"),
        (("conect",), "Il n'y a pas de commande 'conect' ; vouliez-vous dire connect ?"),
        (("tokens", "add", "a"), "Erreur : Il manque l'option '--role'. Choisir parmi :\n\tagent,\n\tsupervisor,"),
    ],
)
def test_messages_of_click_are_in_the_language_of_the_locale(
    arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert words in run(*arguments).output


def test_config_check_prints_settings_and_origins_as_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("accueil.toml").write_text('partitions = 8\n[connectors.siege]\nconnector = "asterisk"\npath = "/q"\n')
    monkeypatch.setenv("ACCUEIL_WEB__PORT", "8082")
    monkeypatch.setenv("ACCUEIL_KAFKA__SASL_PASSWORD", "hush")
    result = run("config", "check", "--all")
    assert result.exit_code == 0, result.output
    shown = [line for line in result.output.splitlines() if "= null" not in line]
    values = tomllib.loads("\n".join(shown))
    assert (values["partitions"], values["web"]["port"]) == (8, 8082)
    assert values["connectors"]["siege"] == {"connector": "asterisk", "path": "/q"}
    assert any(re.fullmatch(r"web\.port = 8082 +# ACCUEIL_WEB__PORT", line) for line in shown)
    assert any(re.fullmatch(r"partitions = 8 +# accueil\.toml", line) for line in shown)
    assert "hush" not in result.output


def test_config_check_prints_only_settings_that_are_set_and_says_that_they_are_valid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calendar = [f"Closed on {day} November for the inventory of the archives" for day in range(10, 20)]
    Path("accueil.toml").write_text(
        'partitions = 8\n[connectors.siege]\nconnector = "asterisk"\npath = "/q"\n'
        f"[contact_reasons.archives]\nlabel_fr = 'Archives'\nlabel_en = 'Archives'\nsubject_words = {calendar}\n"
    )
    monkeypatch.setenv("ACCUEIL_WEB__PORT", "8082")
    *shown, left, last = run("config", "check").output.splitlines()
    assert [line.partition(" =")[0] for line in shown] == [
        "partitions",
        "web.port",
        *(f"contact_reasons.archives.{name}" for name in ("label_fr", "label_en", "subject_words")),
        "connectors.siege.connector",
        "connectors.siege.path",
    ]
    value, origin = shown[4].split("…")
    assert (len(value), origin) == (99, "  # accueil.toml")
    assert re.fullmatch(r"# settings left at their defaults: \d+ \(--all shows them\)", left)
    assert last == "# accueil.toml: no mistakes found"
    monkeypatch.setenv("ACCUEIL_WORKER__PROCESSES", "9")
    assert run("config", "check").stdout.splitlines()[-1] == "# accueil.toml: warnings: 1"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[web]\nprot = 1", "accueil: accueil.toml: web.prot is unknown; did you mean web.port?"),
        (
            '[connectors.siege]\nconnector = "asterisk"\npath = "/q"\n[connectors.siege.queues.700]\nlable = "rsa"',
            (
                "accueil: accueil.toml: connectors.siege.queues.700.lable is unknown; "
                "did you mean connectors.siege.queues.700.label?\n"
            ),
        ),
        (
            '[connectors.siege]\nconnector = "asterix"',
            (
                "accueil: accueil.toml: connectors.siege.connector: no connector 'asterix' is installed; "
                f"there are: {', '.join(registry.names())}; did you mean asterisk?\n"
            ),
        ),
        (
            '[kafka]\nsecurity_protocol = "SSL"\nssl_cafile = "no.pem"',
            "accueil: kafka: no.pem is not there: is the path right?\n",
        ),
    ],
)
def test_invalid_setting_gives_one_line_and_exit_code_2(text: str, mistake: str) -> None:
    Path("accueil.toml").write_text(text)
    assert error("config", "check").startswith(mistake)


def test_paths_are_relative_to_the_current_directory_except_that_of_the_sla_file() -> None:
    Path("etc").mkdir()
    settings = Path("etc/accueil.toml")
    settings.write_text(
        'sla = "sla.toml"\n[connectors.mem]\nconnector = "maarch"\nurl = "https://maarch.example.org/rest"\n'
        'login = "accueil"\npassword_file = "secret"\n'
    )
    Path("etc/sla.toml").write_text("")
    Path("etc/secret").write_text("un-mot-de-passe")
    assert "(password_file) secret is not there" in error("--config", str(settings), "config", "check")
    Path("etc/secret").rename("secret")
    assert run("--config", str(settings), "config", "check").exit_code == 0


def test_error_in_a_variable_of_a_connector_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("real.toml").write_text('[connectors.siege]\nconnector = "asterisk"\npath = "/q"\n[connectors.annexe]')
    monkeypatch.setenv("ACCUEIL_CONNECTORS__SIEGE__SYTE", "siege")
    monkeypatch.setenv("ACCUEIL_CONNECTORS__ANNEXE__CONNECTOR", "asterisk")
    assert run("--config", "real.toml", "config", "check").output.splitlines() == [
        "accueil: ACCUEIL_CONNECTORS__SIEGE__SYTE: connectors.siege.syte is unknown; did you mean connectors.siege.site?",
        "accueil: ACCUEIL_CONNECTORS__ANNEXE: connectors.annexe needs path, ami, or both",
    ]


@pytest.mark.parametrize(
    "other", ["web.port", "broker_port", "connect.health_port", "notify.health_port", "connectors.avis.port"]
)
def test_settings_with_the_same_port_are_refused_and_named(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "whsec_" + "c2VjcmV0" * 4)
    monkeypatch.setenv(f"ACCUEIL_{other.replace('.', '__').upper()}", "9000")
    sender = (
        'connector = "webhook"\nsecret_env = "SECRET"\nid = "id"\nevents = [{ event = "visit.arrived", time = "at" }]\n'
    )
    Path("accueil.toml").write_text(
        f"[connectors.guichets]\nport = 9000\n{sender}[connectors.avis]\nport = 9001\n{sender}"
    )
    conflict = f"connectors.guichets.port and {other} listen on the same port"
    assert error("config", "check") == f"accueil: accueil.toml: {conflict}\n"


@pytest.mark.parametrize(
    ("name", "bad", "good", "words"),
    [
        ("ACCUEIL_WORKER__KEEP_CLOSED_DAYS", "30", "31", "a duplicate would count again"),
        ("ACCUEIL_WORKER__PROCESSES", "6", "4", "some workers will have nothing to do"),
        ("ACCUEIL_WEB__STALE_AFTER_SECONDS", "11.9", "12", "below 12 the board appears stale from time to time"),
    ],
)
def test_settings_without_the_intended_effect_give_a_warning(
    monkeypatch: pytest.MonkeyPatch, name: str, bad: str, good: str, words: str
) -> None:
    monkeypatch.setenv(name, bad)
    assert words in run("config", "check").stderr
    monkeypatch.setenv(name, good)
    assert run("config", "check").stderr == ""


AWAY = {"ACCUEIL_BROKERS": "127.0.0.1:1"}
SIEGE = {"ACCUEIL_CONNECTORS__SIEGE__CONNECTOR": "asterisk", "ACCUEIL_CONNECTORS__SIEGE__PATH": "queue_log"}


def run_process(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command that fails in its own process, because it configures logging; return the exit code and its line."""
    environment = {**os.environ, "LC_ALL": "C", "ACCUEIL_WEB__PORT": str(free_port()), **environment}
    command = [*ACCUEIL, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    (line,) = done.stderr.splitlines()
    return done.returncode, line


@pytest.mark.parametrize("command", ["worker", "connect", "web"])
def test_process_reports_a_port_in_use_in_one_line(command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ports = {f"ACCUEIL_{name}": port for name in ("WORKER__HEALTH_PORT", "CONNECT__HEALTH_PORT", "WEB__PORT")}
        code, line = run_process(command, **SIEGE, **ports, **AWAY)
    assert code == 2
    setting = "web.port" if command == "web" else f"{command}.health_port"
    assert line.startswith(f"accueil: port {port} on 127.0.0.1 is not available (")
    assert f"choose another ({setting}, " in line


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "line"),
    [
        (("worker",), SIEGE, 2, "no broker: start accueil up"),
        (("connect",), SIEGE, 2, "no broker: start accueil up"),
        (("web",), SIEGE, 2, "no broker: start accueil up"),
        (("connect", "siege"), AWAY, 2, "connectors.siege: unknown; configured: none"),
        (("connect", ""), AWAY, 2, 'connectors."": unknown; configured: none'),
        (("topics", "apply", "--wait=0.2"), AWAY, os.EX_SOFTWARE, "no Kafka broker answers at 127.0.0.1:1 after 0.2 s"),
    ],
)
def test_process_that_cannot_run_prints_one_line(
    arguments: tuple[str, ...], environment: dict[str, str], code: int, line: str
) -> None:
    exit_code, shown = run_process(*arguments, **environment)
    assert (exit_code, shown.startswith(f"accueil: {line}")) == (code, True), shown


def test_commands_print_warnings_as_sentences_without_those_of_libraries() -> None:
    code = """
import logging, click, structlog
from streams.cli.base import pass_settings

@click.command()
@pass_settings
def command(settings):
    logging.getLogger("kafka.net.selector").warning("<Task 1> ran for 0.104s, blocking the event loop")
    logging.getLogger("kafka.net.manager").warning("Bootstrap connection to b failed: AuthenticationFailedError")
    structlog.get_logger("connectors.sdk").warning("spool_cut", connector="siege", file="spool")
    click.echo("all is well")

command()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "all is well\n"
    assert done.stderr.splitlines() == [
        "accueil: Kafka refuses the user or the password (kafka.sasl_…)",
        "accueil: siege: the end of spool was incomplete, and is written again",
    ]


def test_demo_refuses_settings_that_would_mix_it_with_real_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "remove --config" in error("--config", "real.toml", "up", "--demo")
    monkeypatch.setenv("ACCUEIL_BROKERS", "kafka:9092")
    assert "unset ACCUEIL_BROKERS" in error("up", "--demo")


def test_every_command_is_in_one_section_of_the_help() -> None:
    listed = [name for _, names in SECTIONS for name in names]
    assert sorted(listed) == sorted(main.list_commands(click.Context(main)))


DOCUMENTS = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")])


def commands_in(text: str) -> Iterator[list[str]]:
    """Yield the words after `accueil` of each command in the code blocks and the inline code of a page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", text)
    for line in lines:
        before, found, after = line.partition("#")[0].partition("accueil ")
        if (
            found
            and re.search(r"(^|[ =]|[^ ]/)$", before)
            and not before.startswith(("useradd", "systemctl", "install", "sudo -u postgres"))
        ):
            yield after.split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_the_docs_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for words in commands_in(text):
        command: click.Command = main
        options = {option for parameter in main.params for option in parameter.opts}
        for word in words:
            if word.startswith("--"):
                assert word.partition("=")[0] in options | {"--help"}, words
            elif isinstance(command, click.Group) and (found := command.get_command(click.Context(command), word)):
                command = found
                options |= {option for parameter in command.params for option in parameter.opts}
        assert command is not main or words == ["--help"], words
    targets = set(re.findall(r"(?:^|`)make (\w+)", text, re.MULTILINE))
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_missing_settings_file_is_named_with_its_option_or_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    reason = "nope.toml is not there: is the path right?\n"
    for command in (("config", "check"), ("up",), ("sla", "check"), ("connectors", "list")):
        assert error("--config", "nope.toml", *command) == f"accueil: --config: {reason}"
    monkeypatch.setenv("ACCUEIL_CONFIG", "nope.toml")
    for command in (("config", "check"), ("up",), ("sla", "check")):
        assert error(*command) == f"accueil: ACCUEIL_CONFIG: {reason}"


def test_missing_sla_file_is_named_with_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ours.toml").write_text('sla = "gone.toml"', encoding="utf-8")
    ours = str(tmp_path / "ours.toml")
    reason = f"sla: the SLA file {tmp_path}/gone.toml is not there: is the path right?\n"
    for command in (("config", "check"), ("up",)):
        assert error("--config", ours, *command) == f"accueil: {ours}: {reason}"
    monkeypatch.setenv("ACCUEIL_SLA", "nope.toml")
    reason = "sla: the SLA file nope.toml is not there: is the path right?\n"
    assert error("--config", ours, "config", "check") == f"accueil: ACCUEIL_SLA: {reason}"


@pytest.mark.parametrize(("typed", "is_confirmed"), [("o", True), ("Yes", True), ("", False), ("maybe\nnon", False)])
def test_confirm_accepts_english_and_french_answers(typed: str, is_confirmed: bool) -> None:
    @click.command()
    def ask() -> None:
        click.echo(str(confirm("sure?")))

    result = CliRunner().invoke(ask, input=f"{typed}\n")
    assert result.stdout.splitlines()[-1] == str(is_confirmed)
    assert result.output.count("sure? [y/N]") == typed.count("\n") + 1
