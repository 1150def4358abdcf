"""A hot folder as a source: files that others drop, taken exactly once, whatever they are and whenever we are killed.

What belongs together (a scan and its sidecar: same name, another suffix) is *claimed*: renamed into a directory of its own under
`work/`, which only we can write to. There it is read, told, and, once that is safe, renamed as a whole to `done/<date>/`, or to
`rejected/<reason>/` beside a file that says why. A claim is never undone: what is in `work/` at the start is read again, and
gives the same events, unless someone still writes to it: a file that was open when it was moved stays open.

| in `work/` | killed in between, at the next start |
|---|---|
| `<claim>.<n>.part` | may have fewer than n files: those that are still in the inbox follow, once they can be moved |
| `<claim>` | is read and told again, with the same ids |
| `<claim>.gone` | is deleted |

No name that others gave is trusted: none leaves the directory entry that it stands in, is logged, or is made a path of.
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
