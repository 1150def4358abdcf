"""Check a peer's changelog against the generator: prints `exact`, or what differs.

Reads the changelog as committed, keeps the last row of each contact, and compares milestones, state and
(where the job's result is given) the figures per service and type with what the generator says they must be.
"""

import argparse
import json
import re
from collections import Counter

from confluent_kafka import Consumer, KafkaError, TopicPartition

from generate import Event, generate
from job import state

# Each peer wraps its keys in its own way; the contact id in them is the same.
CONTACT = re.compile(rb"call:[a-z-]+:[0-9.]+")


def truth(events: int, seed: int) -> tuple[dict[str, dict], Counter[str]]:
    """Every contact's milestones, and the figures, by the generator."""
    milestones: dict[str, dict] = {}
    figures: Counter[str] = Counter()
    for event in generate(events, seed):
        contact = milestones.setdefault(event.contact, {})
        if event.type not in contact:  # a second delivery changes nothing
            contact[event.type] = event.time
            figures[f"{event.service}/{event.type}"] += 1
    return milestones, figures


def read(bootstrap: str, topic: str) -> tuple[dict[str, dict], int]:
    """The last row of each contact in a changelog, and how many rows were written to it."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "peers-check",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(topic, 10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    rows: dict[str, dict] = {}
    written, open_partitions = 0, len(partitions)
    while open_partitions:
        for message in consumer.consume(10_000, 1):
            if message.error() is None:
                written += 1
                if contact := CONTACT.search(message.key()):  # else a record of the peer's own, such as its offsets
                    rows[contact[0].decode()] = json.loads(message.value())
            elif message.error().code() == KafkaError._PARTITION_EOF:
                open_partitions -= 1
            else:
                raise SystemExit(message.error())
    consumer.close()
    return rows, written


def differences(rows: dict[str, dict], expected: dict[str, dict]) -> list[str]:
    missing = sum(contact not in rows for contact in expected)
    unknown = sum(contact not in expected for contact in rows)
    known = [(row, expected[contact]) for contact, row in rows.items() if contact in expected]
    wrong = sum(row["milestones"] != milestones for row, milestones in known)
    wrong_state = sum(row["state"] != state(milestones) for row, milestones in known)
    counted = {
        "contacts missing": missing,
        "unknown contacts": unknown,
        "wrong milestones": wrong,
        "wrong state": wrong_state,
    }
    return [f"{count} {what}" for what, count in counted.items() if count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap", required=True, help="host:port of the broker")
    parser.add_argument("--topic", required=True, help="the changelog")
    parser.add_argument("--events", type=int, default=1_000_000, help="as given to generate.py")
    parser.add_argument("--seed", type=int, default=1, help="as given to generate.py")
    parser.add_argument("--counts", type=json.loads, help="the job's `counts`, as JSON")
    args = parser.parse_args()

    expected, figures = truth(args.events, args.seed)
    rows, written = read(args.bootstrap, args.topic)
    found = differences(rows, expected)
    if args.counts is not None and args.counts != figures:
        found.append(f"figures count {sum(args.counts.values())} events instead of {figures.total()}")
    print(json.dumps({"correct": ", ".join(found) or "exact", "contacts": len(rows), "rows_written": written}))


if __name__ == "__main__":
    main()
