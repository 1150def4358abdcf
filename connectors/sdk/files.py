"""Locks, and file operations that are durable when they return."""

import errno
import fcntl
import os
from pathlib import Path

from connectors.sdk.errors import InstanceInUseError

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600


def make_private_directory(directory: Path) -> None:
    """Create `directory` and its missing parents for this user only; leave existing directories unchanged."""
    if not directory.is_dir():
        make_private_directory(directory.parent)
        directory.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
        sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """Make added and removed names in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes) -> None:
    """Write a file and sync it; the caller syncs the directory.

    A new file is accessible to this user only; an existing one is overwritten and keeps its mode.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Replace or create the file at `path` atomically and durably; it is then accessible to this user only."""
    fresh = path.with_name(f"{path.name}.new")
    write_new(fresh, content)
    fresh.replace(path)
    sync_directory(path.parent)


def lock(path: Path, in_use: str) -> int:
    """Lock a directory, or a file that is created if necessary, and return a descriptor that holds the lock until it is closed.

    The kernel closes it when the process ends. Raises `InstanceInUseError` with the text `in_use` if it is locked already.
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            raise InstanceInUseError(in_use) from None
        raise
    return descriptor
