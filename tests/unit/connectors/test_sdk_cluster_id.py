"""Id of the Kafka cluster that has an instance's events."""

import json
from contextlib import closing
from pathlib import Path

from connectors.sdk.attempts import Attempts
from connectors.sdk.cluster_id import FILE, find_other_cluster, mark_lost_positions
from connectors.sdk.reread import last_reread_ms
from connectors.sdk.runner import configure

LOG = configure("siege", "asterisk", {"path": "queue_log"})
LIVE = configure("annexe", "asterisk", {"ami": {"host": "127.0.0.1", "username": "accueil", "secret": "essai"}})


def test_other_cluster_is_reported_for_instances_with_a_position(tmp_path: Path) -> None:
    assert find_other_cluster([LOG, LIVE], tmp_path, "one") == []
    assert find_other_cluster([LOG, LIVE], tmp_path, "two") == []  # no position is saved yet
    for instance in (LOG, LIVE):
        with instance.locked(tmp_path) as context:
            context.cursor.save(b"here")
    assert find_other_cluster([LOG, LIVE], tmp_path, "three") == [LOG]
    assert json.loads((tmp_path / LOG.source / FILE).read_bytes()) == {"cluster": "two"}
    assert find_other_cluster([LOG, LIVE], tmp_path, "two") == []


def test_source_that_was_never_read_is_not_marked(tmp_path: Path) -> None:
    find_other_cluster([LOG], tmp_path, "one")
    with LOG.locked(tmp_path) as context, closing(Attempts(context.directory)):
        pass  # the instance started, but the source was unavailable
    mark_lost_positions([LOG], tmp_path)
    assert last_reread_ms(tmp_path / LOG.source) == 0
