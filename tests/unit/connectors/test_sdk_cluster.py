"""What an instance knows of the Kafka cluster that has its events."""

import json
from contextlib import closing
from pathlib import Path

from connectors.sdk.attempts import Attempts
from connectors.sdk.cluster_id import FILE, find_other_cluster, mark_lost_positions
from connectors.sdk.reread import last_reread_ms
from connectors.sdk.runner import configure

LOG = configure("siege", "asterisk", {"path": "queue_log"})
LIVE = configure("annexe", "asterisk", {"ami": {"host": "127.0.0.1", "username": "accueil", "secret": "essai"}})


def test_another_cluster_matters_to_who_has_a_position_there(tmp_path: Path) -> None:
    assert find_other_cluster([LOG, LIVE], tmp_path, "one") == []
    assert find_other_cluster([LOG, LIVE], tmp_path, "two") == []  # nothing was read yet
    for instance in (LOG, LIVE):
        with instance.locked(tmp_path) as context:
            context.cursor.save(b"here")
    assert find_other_cluster([LOG, LIVE], tmp_path, "three") == [LOG]
    assert json.loads((tmp_path / LOG.source / FILE).read_bytes()) == {"cluster": "two"}
    assert find_other_cluster([LOG, LIVE], tmp_path, "two") == []


def test_who_has_published_and_lost_its_position_reads_again(tmp_path: Path) -> None:
    home = tmp_path / LOG.source
    mark_lost_positions([LOG], tmp_path)
    assert not home.exists()
    find_other_cluster([LOG], tmp_path, "one")
    with LOG.locked(tmp_path) as context, closing(Attempts(context.directory)) as attempts, attempts.batch():
        context.cursor.save(b"here")
    mark_lost_positions([LOG], tmp_path)
    assert last_reread_ms(home) == 0
    for path in home.glob("cursor-*"):
        path.unlink()
    mark_lost_positions([LOG], tmp_path)
    assert last_reread_ms(home) > 0


def test_a_source_that_could_not_be_read_yet_is_not_marked(tmp_path: Path) -> None:
    find_other_cluster([LOG], tmp_path, "one")
    with LOG.locked(tmp_path) as context, closing(Attempts(context.directory)):
        pass  # it started, and the source was away
    mark_lost_positions([LOG], tmp_path)
    assert last_reread_ms(tmp_path / LOG.source) == 0
