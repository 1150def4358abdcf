"""Run one connector instance in a process:

python -m tests.support.run_connector SOURCE OPTIONS DIRECTORY TARGET [SPOOL_BYTES]

SOURCE is `<connector>/<instance>`, OPTIONS a JSON file, and TARGET the brokers or the absolute path of a topic file.
"""

import json
import sys
from pathlib import Path

from connectors.sdk import instance as instance_module
from connectors.sdk.runner import ConnectorRunner, configure
from connectors.sdk.signals import install_stop_handler
from tests.support.topic_file import Topic

if __name__ == "__main__":
    source, options, directory, target, *spool_bytes = sys.argv[1:]
    connector, name = source.split("/")
    if spool_bytes:
        instance_module.LIMIT_BYTES = int(spool_bytes[0])
    stop = install_stop_handler()
    instance = configure(name, connector, json.loads(Path(options).read_text()))
    publisher = (lambda *_: Topic(Path(target))) if target.startswith("/") else None
    ConnectorRunner([instance], brokers=target, directory=Path(directory), open_publisher=publisher).run(stop)
