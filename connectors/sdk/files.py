"""File operations that are durable when they return."""

import os
from pathlib import Path

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
