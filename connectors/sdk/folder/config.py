"""How a hot folder is configured, and whether its directories can be used."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from connectors.sdk.config import ConnectorConfig
from connectors.sdk.contract import Context, Outcome
from connectors.sdk.errors import ConfigError, SourceMisconfiguredError, source_error
from connectors.sdk.i18n import say


class FolderConfig(ConnectorConfig):
    """What every hot folder needs to know."""

    inbox: Path
    """The directory that files are dropped in. Subdirectories are left alone."""
    archive: Path
    """Where files go: `work/`, `done/<date>/`, `rejected/<reason>/`. On the file system of the inbox, and apart from it."""
    settle_seconds: Annotated[float, Field(ge=0, le=3600)] = 2.0
    """A file is taken once its size and time of writing have not changed for so long. 0: files are renamed into place whole."""
    pair_seconds: Annotated[float, Field(ge=0, le=86400)] = 30.0
    """A file whose counterpart (scan, sidecar) has not come after so long stands for itself."""
    max_megabytes: Annotated[int, Field(ge=1, le=256)] = 100
    """Larger files are rejected unread. The folder must give one of them within some 20 seconds."""
    afterwards: Literal["keep", "delete"] = "keep"
    """What becomes of files that were taken in: kept in `done/`, or deleted. What was rejected is always kept."""

    french_descriptions: ClassVar = {
        "inbox": "Le dossier où les fichiers sont déposés. Ses sous-dossiers sont laissés tels quels.",
        "archive": "Où vont les fichiers : `work/`, `done/<date>/`, `rejected/<motif>/`. Sur le système de fichiers d'`inbox`, "
        "et à part.",
        "settle_seconds": "Un fichier est pris quand sa taille et sa date d'écriture n'ont pas changé depuis ce temps. 0 : les "
        "fichiers arrivent entiers, par renommage.",
        "pair_seconds": "Un fichier dont le pendant (scan, fiche) n'est pas venu après ce temps vaut pour lui seul.",
        "max_megabytes": "Un fichier plus gros est rejeté sans être lu. Le dossier doit pouvoir en donner un en une vingtaine de "
        "secondes.",
        "afterwards": "Ce que deviennent les fichiers pris en compte : gardés dans `done/` (`keep`) ou supprimés (`delete`). Ce "
        "qui est rejeté est toujours gardé.",
    }

    @field_validator("archive")
    @classmethod
    def _apart(cls, archive: Path, info: ValidationInfo) -> Path:
        inbox = info.data.get("inbox")
        if inbox and overlap(inbox, archive):
            raise ValueError(
                say("must be neither the inbox nor within it nor around it", "ne doit ni contenir inbox ni s'y trouver")
            )
        return archive


def check_folders(config: FolderConfig, context: Context) -> None:
    """Refuse folders that cannot work together, as they are now: links may have changed since the configuration was read.

    Raises `ConfigError`, and `SourceUnavailableError` if the inbox is not there or cannot be used.
    """
    if overlap(config.inbox, config.archive) or overlap(config.inbox, context.directory):
        raise ConfigError(
            say(
                f"{config.inbox} overlaps the archive or the data directory: what goes out would come in again",
                f"{config.inbox} chevauche archive ou le dossier des données : ce qui sort rentrerait",
            )
        )
    try:
        with os.scandir(config.inbox):
            device = config.inbox.stat().st_dev
    except OSError as error:
        raise source_error(error, config.inbox) from None
    if not os.access(config.inbox, os.W_OK | os.X_OK):
        raise SourceMisconfiguredError(
            say(f"no right to move files out of {config.inbox}", f"pas le droit d'ôter des fichiers de {config.inbox}")
        )
    nearest = next(path for path in (config.archive, *config.archive.absolute().parents) if path.exists())
    if nearest.stat().st_dev != device:
        raise ConfigError(
            say(
                f"{config.archive} is on another file system than {config.inbox}: files can only be renamed within one",
                f"{config.archive} n'est pas sur le système de fichiers de {config.inbox} : y renommer est impossible",
            )
        )


def probe(config: FolderConfig, context: Context) -> Sequence[Outcome]:
    """Try whether the folders can be used, and touch no file: for `Connector.probe`. Raises what `check_folders` does."""
    check_folders(config, context)
    return ()


def overlap(one: Path, other: Path) -> bool:
    """Return whether two directories are the same, or one lies within the other, links followed."""
    one, other = one.resolve(), other.resolve()
    return one == other or one in other.parents or other in one.parents
