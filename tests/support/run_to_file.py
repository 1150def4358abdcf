"""Run one connector in a process, with a file instead of a broker:

python -m tests.support.run_to_file NAME OPTIONS DIRECTORY TOPIC
"""

import json
import sys
from pathlib import Path

from connectors.sdk.runner import ConnectorRunner, configure
from connectors.sdk.signals import install_stop_handler
from tests.support.topic_file import Topic

if __name__ == "__main__":
    name, options, directory, topic = sys.argv[1], *(Path(argument) for argument in sys.argv[2:])
    stop = install_stop_handler()
    instance = configure("essai", name, json.loads(options.read_text()))
    ConnectorRunner([instance], brokers="", directory=directory, open_publisher=lambda *_: Topic(topic)).run(stop)
