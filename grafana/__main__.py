"""Write the dashboards in all languages: `python -m grafana [DIRECTORY]`."""

import sys
from pathlib import Path

from grafana.generator import DASHBOARDS, write

write(Path(sys.argv[1]) if len(sys.argv) > 1 else DASHBOARDS)
