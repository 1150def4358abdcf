"""Threads that run deliveries, and their errors."""

from pathlib import Path

import structlog

from connectors.sdk.errors import StorageError
from streams.notify.delivery_thread import DeliveryThread
from streams.notify.store import Receivers, Store
from tests.support.processes import wait_until

FULL = "notify.db: database or disk is full"


class StoreFailure:
    """A delivery that finds the disk of the store full once."""

    has_room = False
    name = "webhooks.desk"
    sent = 0

    def deliver(self, store: Store, now: int) -> float:
        had_room, self.has_room = self.has_room, True
        if not had_room:
            raise StorageError(FULL)
        return 60.0

    def close(self) -> None:
        pass


def test_error_of_the_store_is_no_failure_of_the_receiver(tmp_path: Path) -> None:
    thread = DeliveryThread(StoreFailure(), lambda: Store(tmp_path, Receivers()), lambda: None)
    with structlog.testing.capture_logs() as logs:
        thread.start()
        wait_until(lambda: len(logs) == 2, "the error and the next delivery")
        thread.stop()
        thread.join(20)
    assert thread.failures == 0
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("store_unusable", "warning"),
        ("receiver_back", "warning"),
    ]
