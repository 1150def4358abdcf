"""Counters in a real Prometheus while processes restart: they never decrease, and grow by exactly the sent events."""

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from connectors.sdk.ports import free_port
from models.events import Event
from streams.kafka.embedded_broker import EmbeddedKafka
from tests.support import contacts_oracle as oracle
from tests.support import kafka_io
from tests.support.accueil_processes import PARTITIONS, accueil_process, create_topics
from tests.support.bad_records import bad_records
from tests.support.events import START, answered_call, make
from tests.support.processes import Child, wait_until
from tests.support.prometheus import RECORDING, Prometheus, read_rules, running
from tests.support.sla_chain import SLA

pytestmark = [pytest.mark.faults, pytest.mark.broker, pytest.mark.timeout(600)]
TARGET_SECONDS: Final = 20
SCRAPE_SECONDS: Final = 1
"""Longest duration of a scrape; its timestamp is that of its begin, and a counter may start during the scrape."""
COUNTED: Final = '__name__=~"(contact|pipeline)_.+_(total|bucket|count|sum)"'
BREACHED: Final = 'contact_sla_completed_total{result="breached"}'
BECAME: Final = ("met", "breached", "abandoned", "mail", "form")
"""Possible outcomes of contacts."""
NET: Final = "place_policy_clock_result:contact_sla_completed:net"
DONE: Final = "place_policy_clock:contact_sla_done_true:max"


def make_contact(number: int, at: float) -> tuple[list[Event], str]:
    """Return the events of one contact, and its outcome."""
    call = answered_call(f"call:asterisk/siege:{number}.0", at=at, wait=TARGET_SECONDS / 2)
    match number % 5:
        case 0:
            return call, "met"
        case 1:
            return answered_call(call[0].subject, at=at, wait=2 * TARGET_SECONDS), "breached"
        case 2:
            place = {"subject": call[0].subject, "site": "siege", "service": "autonomie", "queue": "mdph"}
            return [*call[:2], make("call.abandoned", at + 9, **place, wait_seconds=4)], "abandoned"
        case 3:
            kinds = ("letter.arrived", "letter.assigned", "letter.answered")
            return [make(kind, at + n, subject=f"mail:mailroom/siege:{number}") for n, kind in enumerate(kinds)], "mail"
        case _:
            return [make("form.submitted", at, subject=f"form:demarches/1:{number}", procedure="apa")], "form"


class EventFlow:
    """Random events with duplicates, disorder and invalid records, and the expected figures."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self._held: list[Event] = []
        self.sent: Counter[str] = Counter()

    def batches(self) -> Iterator[list[kafka_io.Produced]]:
        while True:
            yield self.make(40)

    def make(self, number: int) -> list[kafka_io.Produced]:
        """Return records of `number` recent contacts and one dead letter; half of the events follow in the next batch."""
        events: list[Event] = []
        for _ in range(number):
            events += self.next_contact()
        events += self._chance.sample(events, len(events) // 5)
        self._chance.shuffle(events)
        sent, self._held = [*self._held, *events[::2]], events[1::2]
        self.sent["dead"] += 1
        return [*oracle.records(sent), ("contact.call.v1", *bad_records()["invalid_json"])]

    def next_contact(self) -> list[Event]:
        """Return the events of the next contact."""
        number = self.sent["contacts"]
        now = (datetime.now(UTC) - START).total_seconds()
        events, outcome = make_contact(number, now - 600 + number % 97)
        self.sent.update(("contacts", outcome))
        return events

    def held_back(self) -> list[kafka_io.Produced]:
        """Return the events that were held back."""
        sent, self._held = self._held, []
        return list(oracle.records(sent))

    @property
    def figures(self) -> dict[str, float]:
        """Expected values of counters and recording rules after all sent events."""
        sent = self.sent
        return {
            'contact_received_total{channel="call"}': sent["met"] + sent["breached"] + sent["abandoned"],
            'contact_received_total{channel="mail"}': sent["mail"],
            'contact_received_total{channel="form"}': sent["form"],
            'contact_answered_total{channel="call"}': sent["met"] + sent["breached"],
            "contact_abandoned_total": sent["abandoned"],
            'contact_wait_seconds_bucket{le="+Inf"}': sent["met"] + sent["breached"],
            'contact_wait_seconds_bucket{le="20.0"}': sent["met"],
            "contact_wait_seconds_count": sent["met"] + sent["breached"],
            "contact_first_response_seconds_count": sent["mail"],
            "pipeline_dead_letters_total": sent["dead"],
            f'{NET}{{result="met"}}': sent["met"],
            f'{NET}{{result="breached"}}': sent["breached"],
            DONE: sent["met"] + sent["breached"],
        }


class Processes:
    """Workers and boards with a common configuration."""

    def __init__(self, kafka: EmbeddedKafka, directory: Path) -> None:
        self._kafka, self._directory = kafka, directory
        create_topics(kafka.bootstrap)
        (directory / "sla.toml").write_text(SLA.format(target=TARGET_SECONDS), encoding="utf-8")
        self.ports = {name: free_port() for name in ("web-a", "web-b", "one", "two")}

    def child(self, name: str) -> Child:
        command = "web" if name.startswith("web") else "worker"
        key = "ACCUEIL_WEB__PORT" if command == "web" else "ACCUEIL_WORKER__HEALTH_PORT"
        own = {"ACCUEIL_SLA": str(self._directory / "sla.toml"), key: str(self.ports[name])}
        return accueil_process(command, self._kafka.bootstrap, self._directory, name, **own)

    def target(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"


def total(series: str, board: str = "max") -> str:
    """Return the query of the total over all sites, with the `max` or `min` of the boards, which soon export the same."""
    return f"sum({board} without (instance, job) ({series}))"


def wait_for_agreement(prometheus: Prometheus, flow: EventFlow) -> float:
    """Wait until both boards and the rules report all sent events; return the time since which they do."""
    expected = flow.figures

    def different() -> dict[str, tuple[float | None, float]]:
        found = {series: (prometheus.value(total(series, "min")), number) for series, number in expected.items()}
        return {series: both for series, both in found.items() if both[0] != both[1]}

    def reported_by_both() -> bool:
        contacts = sum(flow.sent[became] for became in BECAME)
        return len(prometheus.query(f"sum by (instance) (contact_received_total) == {contacts}")) == 2

    wait_until(lambda: not different() and reported_by_both(), "all events to be reported", otherwise=different)
    now = time.time()
    scraped = f"max by (instance) (timestamp(contact_received_total)) > {now}"  # `up` has a time also if a scrape fails
    wait_until(lambda: len(prometheus.query(scraped)) == 2, "another scrape of both boards")
    return now


def falls(prometheus: Prometheus, series: str) -> list[str]:
    """Return the counters that decreased between two scrapes."""
    found = prometheus.scraped(series)
    assert len(found) > 20
    return [str(labels) for labels, values in found.items() if any(b < a for (_, a), (_, b) in pairwise(values))]


def test_counters_never_decrease_or_double_across_rebalances(own_kafka: EmbeddedKafka, tmp_path: Path) -> None:
    processes, flow = Processes(own_kafka, tmp_path), EventFlow()
    webs = {name: processes.child(name) for name in ("web-a", "web-b")}
    one, two = processes.child("one"), processes.child("two")
    jobs = {f"worker-{name}": processes.target(name) for name in ("one", "two")}
    with ExitStack() as stack:
        for child in (*webs.values(), one):
            stack.enter_context(child.start())
        stack.enter_context(two)
        targets = [processes.target(name) for name in webs]
        prometheus = stack.enter_context(running(tmp_path / "prometheus", *targets, rules=[RECORDING], jobs=jobs))

        def let_grow() -> None:
            query = total("contact_received_total")
            now = prometheus.value(query) or 0
            wait_until(lambda: (prometheus.value(query) or 0) > now, "a larger counter")

        call = flow.next_contact()
        kafka_io.produce(own_kafka.bootstrap, oracle.records(call[:2]))
        wait_until(lambda: prometheus.value(total(BREACHED)) == 1, "the unanswered contact to be late")
        kafka_io.produce(own_kafka.bootstrap, [*oracle.records(call[2:]), *flow.make(200), *flow.held_back()])
        began_at, before = wait_for_agreement(prometheus, flow), flow.figures
        with kafka_io.trickle(own_kafka.bootstrap, flow.batches(), pause_seconds=0.3):
            web, up = webs["web-a"], f'up{{instance="{processes.target("web-a")}"}}'
            web.kill()
            web.wait()
            wait_until(lambda: prometheus.value(up) == 0, "its end to be seen")
            web.start()
            wait_until(lambda: prometheus.value(up) == 1, "it to be back")
            let_grow()
            two.start()
            two.wait_for('"event": "partition_opened"')
            let_grow()
            one.kill()
            one.wait()
            two.wait_for('"event": "partition_opened"', PARTITIONS)
            let_grow()
        kafka_io.produce(own_kafka.bootstrap, flow.held_back())
        ended_at, after = wait_for_agreement(prometheus, flow), flow.figures

        assert (prometheus.value(total('contact_sla_corrected_total{fact="breached"}')) or 0) > 0, (
            "no counter had to fall"
        )
        assert falls(prometheus, f'{{job="accueil-web",{COUNTED}}}') == []
        assert falls(prometheus, f'{{job=~"worker-.+",{COUNTED}}}') == []
        assert prometheus.query('{job="accueil-web",__name__=~".+_created"}') == {}, (
            "they began with the first event, not here"
        )
        for labels, values in prometheus.scraped('{job=~"worker-.+",__name__=~".+_created"}').items():
            began = {value for _, value in values}
            assert len(began) == 1, labels
            assert min(began) <= values[0][0] + SCRAPE_SECONDS, labels

        window = f"{1000 * (ended_at - began_at):.0f}ms"
        for series in before.keys() - {DONE}:
            if not series.startswith(NET):
                sent, increase = after[series] - before[series], f"increase({series}[{window}])"
                grown = [*prometheus.query(f"sum by (instance) ({increase})", ended_at).values()]
                assert len(grown) == len(webs), "including the restarted board"
                assert sent > 0
                for one_grown in (*grown, prometheus.value(total(increase), ended_at) or 0):
                    assert sent * 0.999 <= one_grown <= sent * 1.4, f"{series}: extrapolated, never twice"
        assert prometheus.query('{__name__=~".+:.+",instance!=""} or {__name__=~".+:.+",job!=""}') == {}
        differences = [rule for rule in read_rules() if re.search(r":delta\w+$", rule["name"])]
        assert len(differences) == 7
        for rule in differences:
            grown = prometheus.query(re.sub(r"offset \w+", f"offset {window}", rule["query"]), ended_at)
            by_result = Counter[str]()
            for labels, value in grown.items():
                by_result[dict(labels).get("result", "done")] += int(value)
            series = {result: f'{NET}{{result="{result}"}}' for result in ("met", "breached")} | {"done": DONE}
            assert by_result == {result: after[series[result]] - before[series[result]] for result in by_result}
            assert by_result
