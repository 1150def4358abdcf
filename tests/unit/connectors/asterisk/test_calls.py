"""Numbers of queue stays, repeatable steps of a call, event ids, and the memory of calls."""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.call_history import CALL_SECONDS, MAX_CALLS, MAX_STAYS, CallHistory
from connectors.asterisk.queue_log import LogLine
from connectors.sdk.contract import Reject
from models.codec import encode
from tests.support.queue_log import CALL, ENTER, NOW, Log, T, data_of, line


class TestQueueStays:
    def test_each_queue_stay_has_its_own_number(self) -> None:
        events = Log().events(
            ENTER,
            line("CONNECT", 5, "x", 2, at=T + 5, agent="PJSIP/31"),
            line("BLINDTRANSFER", "610", "c", 5, 30, 1, at=T + 35, agent="PJSIP/31"),
            line("ENTERQUEUE", "", "0639980000", 1, at=T + 35, queue="610"),
            line("EXITWITHTIMEOUT", 1, 1, 60, at=T + 95, queue="610"),
            line("ENTERQUEUE", "", "0639980000", 1, at=T + 96),
            line("ABANDON", 1, 1, 9, at=T + 105),
        )
        calls = [event for event in events if event.type.startswith("call.")]
        assert [(event.type, event.data.queue, event.data.visit) for event in calls] == [
            ("call.queued", "accueil", 1),
            ("call.answered", "accueil", 1),
            ("call.transferred", "accueil", 1),
            ("call.queued", "aide-sociale", 2),
            ("call.left_queue", "aide-sociale", 2),
            ("call.queued", "accueil", 3),
            ("call.abandoned", "accueil", 3),
        ]
        assert {(event.service, event.site) for event in calls if event.data.visit == 2} == {("social", "annexe")}
        assert len({event.id for event in events}) == len(events)

    @pytest.mark.parametrize(
        "log_lines", [line("CONNECT", 5, agent="PJSIP/31"), line("ABANDON"), line("COMPLETEAGENT")]
    )
    def test_call_without_an_entry_is_in_its_first_stay(self, log_lines: str) -> None:
        assert Log().events(log_lines)[0].data.visit == 1

    def test_refusal_counts_as_a_stay(self) -> None:
        events = Log().events(
            ENTER,
            line("COMPLETECALLER", 1, 2, at=T + 60),
            line("FULL", at=T + 90),
            line("FULL", at=T + 91),
            line("FULL", at=T + 91, queue="610"),
            line("FULL", at=T + 90),
            line("DIVERTED", at=T + 92),
        )
        first, second, other, copy, named_otherwise = (event.data.visit for event in events[2:])
        assert copy == named_otherwise == first
        assert len({first, second, other}) == 3
        assert all(MAX_STAYS < visit <= 2 * MAX_STAYS for visit in (first, second, other))

    def test_refusals_get_different_numbers(self) -> None:
        memory = CallHistory()
        numbers = [memory.number_refusal(CALL, f"{queue}|1") for queue in range(MAX_STAYS)]
        assert sorted(numbers) == list(range(MAX_STAYS + 1, 2 * MAX_STAYS + 1))
        assert [memory.number_refusal(CALL, f"{queue}|1") for queue in range(MAX_STAYS)] == numbers

    def test_call_diverted_while_waiting_leaves_its_queue(self) -> None:
        assert Log().last(ENTER, line("DIVERTED", at=T + 9))[0].data.visit == 1

    def test_repeated_lines_give_the_same_events(self) -> None:
        log_lines = [
            ENTER,
            line("EXITWITHTIMEOUT", 1, 1, 60, at=T + 60),
            line("FULL", at=T + 60, queue="610"),
            line("ENTERQUEUE", "", "0639980000", 1, at=T + 61),
            line("CONNECT", 5, "x", 2, at=T + 66, agent="PJSIP/31"),
            line("COMPLETEAGENT", 5, 30, 1, at=T + 96, agent="PJSIP/31"),
            line("CLOSED", at=T + 97),
        ]
        log = Log()
        first = [event.id for event in log.events(*log_lines)]
        assert [event.id for event in log.events(*log_lines)] == first

    def test_two_queues_with_one_label_are_two_stays(self) -> None:
        log = Log(queues={"600": {"label": "accueil"}, "601": {"label": "accueil"}})
        events = log.events(ENTER, line("EXITEMPTY", 1, 1, 0), line("ENTERQUEUE", queue="601"))
        assert [(event.data.queue, event.data.visit) for event in events] == [("accueil", n) for n in (1, 1, 2)]

    def test_call_may_return_to_a_queue_many_times(self) -> None:
        log = Log()
        visits = [
            event.data.visit
            for n in range(MAX_STAYS + 50)
            for event in log.events(line("ENTERQUEUE", at=T - 2_000 + n), line("EXITEMPTY", at=T - 2_000 + n))
        ]
        assert visits[: 2 * MAX_STAYS : 2] == list(range(1, MAX_STAYS + 1))
        assert set(visits[2 * MAX_STAYS :]) == {MAX_STAYS}


class TestSteps:
    def test_menu_choice_has_its_configured_label(self) -> None:
        menu = line("MENU", 2, queue="NONE")
        events = Log().events(
            menu, menu, line("MENU", 2, at=T + 9, queue="NONE"), line("MENU", "0639980000", queue="NONE")
        )
        assert [(event.type, event.data.option) for event in events] == [
            *[("call.menu_chosen", "rsa")] * 3,
            ("call.menu_chosen", ""),
        ]
        assert len({event.id for event in events}) == 3, "a repeated line gives the same event"

    @pytest.mark.parametrize("event", ["MENU", "FULL"])
    def test_meaning_configured_later_gives_the_same_numbers(self, event: str) -> None:
        log_lines = [line(event, 2, at=T + n) for n in range(3)]
        unexplained = Log(custom_events={})
        rejects = [unexplained.outcome(each) for each in log_lines]
        memories = [msgspec.json.decode(each.context, type=CallHistory) for each in rejects if isinstance(each, Reject)]
        again = [Log(memory).events(each)[0].id for memory, each in zip(memories, log_lines, strict=True)]
        assert again == [event.id for event in Log().events(*log_lines)]

    def test_voice_message_has_its_duration(self) -> None:
        (event,) = Log().events(line("VOICEMAIL", 23, queue="NONE"))
        assert (event.type, data_of(event)) == ("call.voicemail_left", {"duration_seconds": 23, "queue": ""})

    def test_each_unanswered_ring_is_an_event(self) -> None:
        def ring(at: int, agent: str = "PJSIP/31") -> str:
            return line("RINGNOANSWER", 15000, at=at, agent=agent)

        rings = [ring(T + 15), ring(T + 30), ring(T + 30), ring(T + 30, "PJSIP/32"), ring(T + 45)]
        events = Log().events(ENTER, *rings)[1:]
        assert len({event.id for event in events}) == 4
        shifted = Log().events(line("ENTERQUEUE", at=T + 1), ring(T + 16), ring(T + 31))[1:]
        assert [event.id for event in shifted] == [events[0].id, events[1].id], (
            "the id must not contain the time of the ring"
        )


class TestIds:
    def test_lines_of_one_second_have_ordered_sequences(self) -> None:
        log = Log()
        sequences = [log.events(line("ENTERQUEUE", call=f"{T}.{n}"))[0].sequence for n in range(1_200)]
        assert sequences == sorted(sequences)
        assert len(set(sequences)) == 1_200

    def test_repeated_agent_action_in_one_second_gives_two_events(self) -> None:
        pause, unpause = (line(name, call="NONE", agent="PJSIP/31") for name in ("PAUSE", "UNPAUSE"))
        events = Log().events(pause, unpause, pause, unpause, line("PAUSE", call="NONE", agent="PJSIP/32"))
        assert len({event.id for event in events}) == 5

    def test_line_late_by_one_second_changes_no_ids(self) -> None:
        pause = line("PAUSE", call="NONE", agent="PJSIP/31")
        late = line("PAUSE", call="NONE", agent="PJSIP/31", at=T - 1)
        events = Log().events(pause, late, pause)
        assert len({event.id for event in events}) == 3
        assert [event.sequence for event in events if event.time.timestamp() == T] == ["000001", "000002"]

    @pytest.mark.parametrize("read_at", [NOW - timedelta(days=1), NOW, NOW + timedelta(days=4_000)])
    def test_events_do_not_depend_on_the_read_time(self, read_at: datetime) -> None:
        log_lines = [
            ENTER,
            line("EXITEMPTY", 1, 1, 9, at=T + 9),
            line("ENTERQUEUE", at=T + 9),
            line("ABANDON", at=T + 20),
        ]
        log = Log()
        events = [event for content in log_lines for event in log.mapping.map(LogLine(content.encode(), read_at))]
        assert {event.recordedtime for event in events} == {read_at}
        assert [event.model_copy(update={"recordedtime": NOW}) for event in events] == Log().events(*log_lines)

    def test_event_ids_are_stable_across_versions(self) -> None:
        events = Log().events(ENTER, line("CONNECT", 1, "x", 1, agent="PJSIP/31"), line("FULL", queue="610"))
        assert [event.id for event in events] == [
            "2dea4d62-38ae-5df0-8b2c-5b7544da88f4",
            "da380512-ab81-5daa-a809-68018e3b72a7",
            "1c4e5e56-c557-5382-b97b-989ab6d21943",
            "ce27aa02-59f9-5e5b-a8de-37698f1403eb",
        ]


class TestMemory:
    def test_call_is_forgotten_after_a_long_silence(self) -> None:
        log = Log()
        log.events(line("ENTERQUEUE", call=f"{T}.1", at=T - 2 * CALL_SECONDS))
        log.events(line("ENTERQUEUE", call=f"{T}.2", at=T - CALL_SECONDS))
        log.events(line("ENTERQUEUE", call=f"{T}.3"))
        assert list(log.memory.calls) == [f"{T}.2", f"{T}.3"]

    def test_memory_is_limited(self) -> None:
        log = Log()
        for n in range(MAX_CALLS + 500):
            log.events(line("ENTERQUEUE", call=f"{T}.{n}"))
        assert len(log.memory.calls) == MAX_CALLS
        assert next(iter(log.memory.calls)) == f"{T}.500"

    @pytest.mark.parametrize("at", [10**9, T + 50 * 366 * 86_400])
    def test_impossible_time_removes_few_calls(self, at: int) -> None:
        log = Log()
        for n in range(10):
            log.events(line("ENTERQUEUE", call=f"{T}.{n}"))
        log.outcome(line("ENTERQUEUE", call=f"{at}.99", at=at))
        log.events(*(line("EXITEMPTY", call=f"{T}.{n}", at=T + 1) for n in range(10)))
        assert sum(len(log.memory.calls[f"{T}.{n}"].stays) for n in range(10)) == 10
        log.events(*(line("ENTERQUEUE", call=f"{T}.{n}", at=T + 2) for n in range(2, 10)))
        log.events(line("ENTERQUEUE", call=f"{T}.100", at=T + 2))
        assert f"{at}.99" not in log.memory.calls
        assert [len(log.memory.calls[f"{T}.{n}"].stays) for n in range(2, 10)] == [2] * 8

    def test_old_line_is_accepted(self) -> None:
        log = Log()
        log.events(line("PAUSE", call="NONE", agent="PJSIP/31"))
        assert log.events(line("ENTERQUEUE", at=T - 2 * CALL_SECONDS))[0].data.visit == 1

    @given(st.lists(st.sampled_from([
        *(line(event, call=f"{T}.{call}", queue=queue, agent="PJSIP/31", at=T + at)
          for event in ("ENTERQUEUE", "CONNECT", "COMPLETEAGENT", "EXITEMPTY", "FULL", "DID")
          for call in (1, 2) for queue in ("600", "610") for at in (0, 1)),
        *(line(event, call="NONE", agent="PJSIP/31", at=T + at) for event in ("PAUSE", "UNPAUSE") for at in (0, 1)),
    ]), max_size=25), st.integers(0, 25))  # fmt: skip
    @settings(max_examples=80, deadline=None)
    def test_restart_at_any_point_gives_the_same_events(self, log_lines: list[str], at: int) -> None:
        whole = [encode(event) for event in Log().events(*log_lines)]
        before = Log()
        first = [encode(event) for event in before.events(*log_lines[:at])]
        saved = msgspec.json.encode(before.memory)
        after = Log(msgspec.json.decode(saved, type=CallHistory))
        assert first + [encode(event) for event in after.events(*log_lines[at:])] == whole
