"""Hot folder as a source: dropped files, each processed exactly once, also across crashes.

Files that belong together (a scan and its sidecar: same name, different suffix) are *claimed*: moved into their own directory
under `work/`, where only this program writes. There they are read and their events published. Once the events are safe, the
directory is renamed to `done/<date>/`, or to `rejected/<reason>/` next to a file with the reason. A claim is never undone: claims
in `work/` at the start are read again. They give the same events, unless a program still writes to a file that it had open.

`<claim>` is the time of claiming. Directories in `work/` have these names:

| in `work/` | contents | after a crash, at the next start |
|---|---|---|
| `<claim>.<n>.part` | claim of n files that are being moved | the files still in the inbox follow as soon as they can be moved |
| `<claim>` | complete claim | is read and published again, with the same ids |
| `<claim>.gone` | published claim, only with `afterwards = "delete"` | is deleted |

File names are untrusted: they are not logged, and no path is derived from them except the entry in the claim's directory.
"""

from connectors.sdk.folder.archive import Claim
from connectors.sdk.folder.config import FolderConfig, check_folders, probe
from connectors.sdk.folder.safe_files import SIDECAR_BYTES, digest, open_safely
from connectors.sdk.folder.source import ClaimResult, FolderSource, ReadClaim

__all__ = [
    "SIDECAR_BYTES",
    "Claim",
    "ClaimResult",
    "FolderConfig",
    "FolderSource",
    "ReadClaim",
    "check_folders",
    "digest",
    "open_safely",
    "probe",
]
