"""Build step of the package: compile the catalogues. setuptools calls it, as `pyproject.toml` says."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from setuptools.command.build_py import build_py


class BuildWithCatalogues(build_py):
    """Compile every `.po` to `.mo` before the package is built."""

    def run(self) -> None:
        """Compile the catalogues, then build."""
        for path in Path("models/locale").rglob("*.po"):
            with path.open("rb") as source, path.with_suffix(".mo").open("wb") as target:
                write_mo(target, read_po(source))
        super().run()
