"""Counts of HTTP responses, for `/metrics` and for log messages about refused requests.

Without the messages, a sender that is always refused (a changed secret, a wrong clock, repeated ids) would look idle.
"""

from collections import Counter
from typing import Final

from connectors.sdk.log_throttle import LogThrottle

STATUSES: Final = (204, 400, 401, 408, 409, 413, 429, 500, 503)
REFUSALS: Final = (400, 401, 408, 409, 413, 429)
"""Statuses whose cause is the sender's. Other failures are logged elsewhere."""


class ResponseCounter:
    """Counts responses in the server's thread, and logs refusals in the instance's thread."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(STATUSES, 0)
        """Number of responses by HTTP status; no status is added later."""
        self._noted = Counter[int]()
        self._log_throttle = LogThrottle()

    def count(self, status: int) -> None:
        """Count one response. Raises `KeyError` if `status` is not in `STATUSES`."""
        self.counts[status] += 1

    def log_refusals(self) -> None:
        """Log a warning with the number and the statuses of refused requests since the last message, if one is due."""
        for status in REFUSALS:
            if new := self.counts[status] - self._noted[status]:
                self._log_throttle.count(str(status), new)
                self._noted[status] += new
        self._log_throttle.log_due("requests_refused")
