"""A connector that no longer moves: its process leaves, so that its supervisor starts another."""

import os
from datetime import date
from pathlib import Path

import tomli_w

from connectors.asterisk.simulate import configuration, simulate_day
from streams.kafka.ports import free_port
from streams.settings.errors import EXIT_RESTART
from tests.support.processes import Child

PROGRAM = "from connectors.sdk import instance; instance.STUCK_SECONDS = 5.0; from streams.cli.main import main; main()"


def test_the_process_leaves_when_an_instance_is_stuck_and_the_others_have_stopped(tmp_path: Path) -> None:
    os.mkfifo(
        tmp_path / "pipe"
    )  # opening it takes for ever while nobody writes, as on a network's file system that is away
    simulate_day(tmp_path / "queue_log", day=date(2026, 3, 16), seed=7, calls=20)
    tables = {
        name: {"connector": "asterisk", **configuration(tmp_path / log)}
        for name, log in (("hung", "pipe"), ("siege", "queue_log"))
    }
    settings = {"brokers": f"127.0.0.1:{free_port()}", "data": str(tmp_path / "data"), "connectors": tables}
    (tmp_path / "accueil.toml").write_text(tomli_w.dumps(settings))
    arguments = ["-c", PROGRAM, f"--config={tmp_path / 'accueil.toml'}", "connect"]
    with Child(arguments, tmp_path / "connect.log", LC_ALL="C") as child:
        assert child.start().wait() == EXIT_RESTART
    (leaving,) = [line for line in child.text.splitlines() if "leaving" in line]
    assert "stuck: asterisk/hung" in leaving
    assert "siege" not in leaving
    assert child.text.count("connector_stopped") == 1
    assert any((tmp_path / "data" / "connectors" / "asterisk" / "siege" / "spool").iterdir())
