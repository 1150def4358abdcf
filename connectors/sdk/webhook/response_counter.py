"""How requests were answered: for `/metrics`, and, where the sender is refused, for who reads the log.

A sender that is refused for good, by a new secret, a wrong clock, or ids that are not its messages' own, would else be taken for
one that has nothing to say.
"""

from collections import Counter
from typing import Final

import structlog

from connectors.sdk.log_throttle import LogThrottle

STATUSES: Final = (204, 400, 401, 408, 409, 413, 429, 500, 503)
REFUSALS: Final = (400, 401, 408, 409, 413, 429)
"""What is the sender's to mend; all else is told of otherwise."""

log = structlog.get_logger(__name__)


class ResponseCounter:
    """Counted in the server's thread, told of in the lane's."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(STATUSES, 0)
        """How many there were with each HTTP status; no status is added later."""
        self._noted = Counter[int]()
        self._notice = LogThrottle()

    def count(self, status: int) -> None:
        """Count one more."""
        self.counts[status] += 1

    def log_refusals(self) -> None:
        """Log how many were refused since it was said last, if there are any and it is time to."""
        for status in REFUSALS:
            if new := self.counts[status] - self._noted[status]:
                self._notice.count(str(status), new)
                self._noted[status] += new
        if told := self._notice.take():
            log.warning("requests_refused", **told)
