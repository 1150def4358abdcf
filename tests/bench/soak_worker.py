"""Worker like `accueil worker`, but with a retention of closed contacts and buckets of minutes instead of days."""

import argparse
import sys
from pathlib import Path
from typing import Final

from streams.agents.contacts import make_job
from streams.core.contacts.row_expiry import RowRetention
from streams.engine.engine import Engine, run
from streams.runtime import logs
from streams.runtime.worker import options, times
from streams.settings.schema import Settings

KEEP_CLOSED_SECONDS: Final = 60
KEEP_BUCKETS_SECONDS: Final = 900


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True, help="host:port of the broker")
    parser.add_argument("--directory", type=Path, required=True)
    args = parser.parse_args()
    logs.configure()
    settings = Settings(brokers=args.bootstrap, data=args.directory)
    keep = RowRetention(closed=KEEP_CLOSED_SECONDS * 1000, touched=KEEP_CLOSED_SECONDS * 1000)
    kept = times(settings)._replace(keep=keep, keep_buckets=KEEP_BUCKETS_SECONDS * 1000)
    sys.exit(run(Engine(make_job("soak", kept), options(settings))))


if __name__ == "__main__":
    main()
