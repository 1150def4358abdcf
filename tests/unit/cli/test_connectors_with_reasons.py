"""`accueil connectors` for a mapping with wrap-up codes, and settings with a list of reasons for contact."""

import re
from contextlib import closing
from pathlib import Path

import pytest

from streams.runtime.process_specs import configure_one_connector
from streams.settings.loader import load
from tests.support.commands import error
from tests.unit.cli.test_connectors import command


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sdk.probe.WAIT_SECONDS", 0.0)


class TestContactReasons:
    """A mapping with wrap-up codes, and settings with a list of reasons."""

    @pytest.fixture(autouse=True)
    def _files(self) -> None:
        Path("appels.toml").write_text(
            'id = "n"\nevents = [\n'
            '    { event = "call.queued", time = "at", queue = "file" },\n'
            '    { event = "contact.reason_set", time = "at", when = "code", contact_reason = "code" },\n'
            ']\n[values.queue]\nA = "accueil"\nR = "rsa"\n[values.contact_reason]\n12 = "voirie"\n'
        )
        Path("appels.csv").write_text(
            "n;at;file;code\n1;2026-03-16T09:00:00Z;A;12\n2;2026-03-16T09:01:00Z;R;\n3;2026-03-16T09:02:00Z;A;\n"
        )
        self.write('[contact_reasons.rsa]\nqueues = ["rsa"]\n[contact_reasons.voirie]\n')

    def write(self, reasons: str) -> None:
        table = '[connectors.appels]\nconnector = "table"\nmapping = "appels.toml"\nfiles = "appels.csv"\n'
        Path("accueil.toml").write_text(reasons + table)

    def test_check_counts_reasons_of_rules_and_of_records(self) -> None:
        result = command("check", "appels")
        assert result.exit_code == 0, result.output
        assert re.findall(r" +(\d) +(\S+)\n", result.stdout) == [("3", "call.queued"), ("2", "contact.reason_set")]

    def test_check_accepts_a_stored_reason_that_left_the_list(self) -> None:
        settings = load()
        instance = configure_one_connector(settings, "appels")
        with (
            instance.locked(settings.data / "connectors") as own,
            closing(instance.connector.open(instance.config, own)) as source,
        ):
            assert source.read(0.0)  # and the process is killed: the outcomes are stored, not confirmed
        self.write('[contact_reasons.rsa]\nqueues = ["rsa"]\n[contact_reasons.autre]\n')
        mapping = Path("appels.toml")
        mapping.write_text(mapping.read_text().replace('"voirie"', '"autre"'))
        result = command("check", "appels")
        assert "rejected" not in result.stdout, result.output
        assert re.findall(r" +(\d) +(\S+)\n", result.stdout) == [("3", "call.queued"), ("2", "contact.reason_set")]

    @pytest.mark.parametrize(
        "arguments",
        [
            ("config", "check"),
            ("connectors", "check", "appels"),
            ("connectors", "try", "appels.toml", "--with", "appels.csv"),
            ("connectors", "try", "accueil.toml"),
            ("connect",),
        ],
    )
    def test_unlisted_reason_is_a_fault_of_the_mapping_file(self, arguments: tuple[str, ...]) -> None:
        self.write("[contact_reasons.voiries]\n")
        text = "'voirie' is not in contact_reasons for the channel call; did you mean voiries?"
        assert error(*arguments).endswith(f"accueil: appels.toml:10: values.contact_reason.12 {text}\n")

    def test_missing_option_of_the_connector_is_a_fault_of_the_settings(self) -> None:
        Path("accueil.toml").write_text('[connectors.appels]\nconnector = "table"\nmapping = "appels.toml"\nid = ""\n')
        lines = error("config", "check").splitlines()
        assert lines[0].startswith("accueil: accueil.toml: connectors.appels.")
        assert "accueil: accueil.toml: connectors.appels.files is missing" in lines

    def test_try_uses_the_reasons_of_the_settings(self) -> None:
        for file in ("appels.toml", "accueil.toml"):
            result = command("try", file, "--with", "appels.csv")
            assert result.exit_code == 0, result.output
            reasons = [
                line.split("  ")[-1] for line in result.stdout.splitlines() if line.startswith("  contact.reason_set")
            ]
            assert reasons == ["1 contact_reason=voirie", "2 contact_reason=rsa (set by a rule)"]
            assert "\n       2  contact.reason_set\n" in result.stdout
