"""Contents and limits of the call history."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.asterisk.call_history import CALL_SECONDS, MAX_CALLS, CallHistory
from models.codec import encode
from tests.support.queue_log import Log, T, line


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
