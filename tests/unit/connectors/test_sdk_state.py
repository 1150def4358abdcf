"""State of a connector: cursor, keys, rejects."""

import json
import os
import shutil
import stat
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from connectors.sdk import rejects as rejects_module
from connectors.sdk.contract import Reject
from connectors.sdk.cursor import CURSOR_FILES, Cursor
from connectors.sdk.errors import CursorDamagedError, KeyFileError
from connectors.sdk.files import make_private_directory
from connectors.sdk.keys import Keys, load_key
from connectors.sdk.rejects import Rejects, forget, read
from models.identities import IdentityKind
from models.reasons import Reason


class TestPrivateDirectory:
    def test_created_directories_are_private(self, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o755)  # regardless of the umask of earlier tests
        private = shared / "data" / "connectors" / "siege"
        before = os.umask(0o022)
        try:
            for _ in range(2):
                make_private_directory(private)
        finally:
            os.umask(before)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (shared, *reversed(private.parents[:2]), private)]
        assert modes == [0o755, 0o700, 0o700, 0o700]


class TestCursor:
    def test_truncated_file_falls_back_to_the_previous_position(self, tmp_path: Path) -> None:
        cursor = Cursor(tmp_path)
        cursor.save(b'{"offset":1}')
        cursor.save(b'{"offset":2}')
        newest = tmp_path / CURSOR_FILES[0]
        content = newest.read_bytes()
        assert b'"generation":2' in content
        for size in range(len(content)):
            newest.write_bytes(content[:size])
            assert Cursor(tmp_path).load() == b'{"offset":1}'

    def test_modified_position_is_not_used(self, tmp_path: Path) -> None:
        cursor = Cursor(tmp_path)
        cursor.save(b'{"offset":1}')
        cursor.save(b'{"offset":2}')
        for name in CURSOR_FILES:
            path = tmp_path / name
            path.write_text(path.read_text().replace(r"\"offset\":2", r"\"offset\":3"))
        assert Cursor(tmp_path).load() == b'{"offset":1}'

    def test_two_damaged_generations_are_not_a_first_start(self, tmp_path: Path) -> None:
        for name in CURSOR_FILES:
            (tmp_path / name).write_bytes(b"{")
        with pytest.raises(CursorDamagedError, match="remove both"):
            Cursor(tmp_path).load()


class TestKeys:
    def test_key_is_created_once_and_is_private(self, tmp_path: Path) -> None:
        directory = tmp_path / "keys"
        first = load_key(directory, "social")
        assert load_key(directory, "social") == first
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in directory.iterdir()] == [
            ("social.key", 0o600)
        ]

    def test_each_sector_has_its_own_key(self, tmp_path: Path) -> None:
        names = {
            load_key(tmp_path / "keys", sector).pseudonym(IdentityKind.PHONE, "+33639980000")
            for sector in ("social", "routes")
        }
        assert len(names) == 2

    @pytest.mark.parametrize(
        ("name", "mode", "right"),
        [("social.key", 0o640, 600), ("social.key", 0o604, 600), ("social.key", 0o666, 600), ("", 0o755, 700)],
    )
    def test_key_accessible_to_others_is_refused(self, tmp_path: Path, name: str, mode: int, right: int) -> None:
        load_key(tmp_path / "keys", "social")
        (tmp_path / "keys" / name).chmod(mode)
        with pytest.raises(KeyFileError, match=rf"chmod 0{right} .*{name}"):
            load_key(tmp_path / "keys", "social")

    @pytest.mark.parametrize("size", [0, 16, 31, 33])
    def test_invalid_key_is_refused_and_not_replaced(self, tmp_path: Path, size: int) -> None:
        load_key(tmp_path / "keys", "social")
        path = tmp_path / "keys" / "social.key"
        path.write_bytes(bytes(size))
        with pytest.raises(KeyFileError, match=f"{size} bytes"):
            load_key(tmp_path / "keys", "social")
        assert path.stat().st_size == size

    def test_one_of_two_concurrent_first_starts_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        load_key(tmp_path / "keys", "social")
        won = (tmp_path / "keys" / "social.key").read_bytes()
        with monkeypatch.context() as patch:  # the second start has not seen the file yet
            patch.setattr(Path, "exists", lambda self: False)
            key = load_key(tmp_path / "keys", "social")
        assert key.secret == won
        assert [path.name for path in (tmp_path / "keys").iterdir()] == ["social.key"]


class TestKeysInUse:
    """An instance uses only the keys it started with: with other keys all pseudonyms would change."""

    def keys(self, directory: Path, instance: str = "siege", *, lasting: bool = True) -> Keys:
        if lasting:
            (directory / instance).mkdir(exist_ok=True)
        return Keys(directory / "keys", directory / instance, lasting=lasting)

    def test_lost_key_is_reported_and_not_replaced(self, tmp_path: Path) -> None:
        with structlog.testing.capture_logs() as logs:
            self.keys(tmp_path).pseudonym_key("social")
        assert [entry["event"] for entry in logs] == ["key_made"]
        shutil.rmtree(tmp_path / "keys")
        for _ in range(2):
            with pytest.raises(KeyFileError, match=r"social\.key is not there.* restore it.* remove .*keys\.json"):
                self.keys(tmp_path).pseudonym_key("social")
        assert not (tmp_path / "keys" / "social.key").exists()

    def test_replaced_key_is_refused(self, tmp_path: Path) -> None:
        self.keys(tmp_path).pseudonym_key("social")
        (tmp_path / "keys" / "social.key").write_bytes(b"x" * 32)
        with pytest.raises(KeyFileError, match=r"social\.key is not the key that was used"):
            self.keys(tmp_path).pseudonym_key("social")
        (tmp_path / "siege" / "keys.json").unlink()
        assert self.keys(tmp_path).pseudonym_key("social").secret == b"x" * 32

    def test_key_ids_are_stored_per_sector_and_instance(self, tmp_path: Path) -> None:
        social = self.keys(tmp_path).pseudonym_key("social")
        assert self.keys(tmp_path, "annexe").pseudonym_key("social") == social
        self.keys(tmp_path).pseudonym_key("routes")
        (tmp_path / "keys" / "social.key").unlink()
        self.keys(tmp_path).pseudonym_key("routes")
        with pytest.raises(KeyFileError, match="is not there"):
            self.keys(tmp_path, "annexe").pseudonym_key("social")

    def test_nothing_is_written_without_lasting(self, tmp_path: Path) -> None:
        first, second = (self.keys(tmp_path, lasting=False).pseudonym_key("social") for _ in range(2))
        assert first != second
        assert not [*tmp_path.iterdir()]
        lasting = self.keys(tmp_path).pseudonym_key("social")
        assert self.keys(tmp_path, lasting=False).pseudonym_key("social") == lasting
        (tmp_path / "keys" / "social.key").unlink()
        with pytest.raises(KeyFileError, match="is not there"):
            self.keys(tmp_path, lasting=False).pseudonym_key("social")

    def test_damaged_keys_json_is_not_a_first_start(self, tmp_path: Path) -> None:
        self.keys(tmp_path).pseudonym_key("social")
        (tmp_path / "siege" / "keys.json").write_text("{")
        with pytest.raises(KeyFileError, match=r"keys\.json is damaged: remove it"):
            self.keys(tmp_path).pseudonym_key("social")


class TestRejects:
    def test_record_is_stored_byte_for_byte(self, tmp_path: Path) -> None:
        rejects = Rejects(tmp_path)
        records = [b"plain", b"\xff\xfe broken", "accentué".encode(), b'"quoted"\n']
        for record in records:
            rejects.add(Reject(Reason.UNREADABLE_LINE, record, "why"))
        rejects.sync()
        entries = [json.loads(line) for line in rejects.path.read_text().splitlines()]
        assert [entry["record"].encode("utf-8", "surrogateescape") for entry in entries] == records
        assert {(entry["reason"], entry["detail"]) for entry in entries} == {("unreadable_line", "why")}
        rejects.close()

    def test_oldest_rejects_are_dropped_at_the_limit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rejects_module, "LIMIT_BYTES", limit := 8_000)
        with structlog.testing.capture_logs() as logs, closing(Rejects(tmp_path)) as rejects:
            dropped = [rejects.add(Reject(Reason.UNKNOWN_RECORD, b"record %d" % n)) for n in range(500)]
        stored = [one.reject.record for one in read(tmp_path)]
        assert stored == [b"record %d" % n for n in range(500)][-len(stored) :]
        assert sum(dropped) == 500 - len(stored) > 0
        logged = [entry["count"] for entry in logs if entry["event"] == "rejects_dropped"]
        assert logged == [count for count in dropped if count]
        assert limit / 3 < sum(path.stat().st_size for path in tmp_path.iterdir()) <= limit

    def test_forgotten_rejects_are_not_counted_as_dropped(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rejects_module, "LIMIT_BYTES", 1_000)
        with closing(Rejects(tmp_path)) as rejects:
            while not (tmp_path / "rejects.old.jsonl").exists():
                rejects.add(Reject(Reason.UNKNOWN_RECORD, b"old"))
            rejects.sync()
            assert forget(tmp_path, datetime.max.replace(tzinfo=UTC)) > 1
            dropped = [rejects.add(Reject(Reason.UNKNOWN_RECORD, b"new")) for _ in range(9)]
        stored = sum(one.reject.record == b"new" for one in read(tmp_path))
        assert sum(dropped) == 9 - stored > 0

    def test_incomplete_line_is_forgotten_with_lines_of_its_age(self, tmp_path: Path) -> None:
        def write(*lines: bytes) -> None:
            (tmp_path / "rejects.jsonl").write_bytes(b"\n".join(lines))
            os.utime(tmp_path / "rejects.jsonl", (before.timestamp() - 1,) * 2)

        with closing(Rejects(tmp_path)) as rejects:
            rejects.add(Reject(Reason.UNKNOWN_RECORD, b"new"))
            rejects.sync()
            now = rejects.path.read_bytes().rstrip()
        before = datetime.now(UTC) - timedelta(days=1)
        old, half = now.replace(b'"at": "20', b'"at": "19', 1), b'{"record": "0639980000'
        write(half, old, now, half, now, b"")
        assert forget(tmp_path, before, dry_run=True) == forget(tmp_path, before) == 2
        assert [*filter(None, (tmp_path / "rejects.jsonl").read_bytes().split(b"\n"))] == [now, half, now]
        write(old, half)
        assert forget(tmp_path, before) == 2
        write(now, half)
        os.utime(tmp_path / "rejects.jsonl", (before.timestamp() + 1,) * 2)
        assert forget(tmp_path, before) == 0, "a running instance may be writing it"

    def test_repr_does_not_contain_the_record(self) -> None:
        assert "0639980000" not in repr(Reject(Reason.UNKNOWN_RECORD, b"0639980000"))
