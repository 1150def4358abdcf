"""Exit codes of all processes: they tell a supervisor whether a restart can help."""

import os
from typing import Final

EXIT_CONFIGURATION: Final = 2
"""Exit code: the operator must correct something before the next start."""
EXIT_RESTART: Final = os.EX_SOFTWARE
"""Exit code: a restart may succeed."""
