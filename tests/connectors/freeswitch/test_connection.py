"""Connection to an event socket: refusals, silence, and probe."""

from pathlib import Path

import pytest

import connectors.freeswitch as freeswitch
from connectors.freeswitch.simulate import EventSocket, configuration
from connectors.freeswitch.simulate.server import USER
from connectors.sdk.errors import SourceRefusedError, SourceUnavailableError
from connectors.sdk.testing import ConnectorHarness
from tests.support.freeswitch_harness import NINE, FreeswitchHarness
from tests.support.socket_sources import greeting_server, wait_until_disconnected


class TestLogin:
    @pytest.mark.parametrize("login", [{}, {"user": USER}])
    def test_login_sends_the_password(self, tmp_path: Path, event_socket: EventSocket, login: dict[str, str]) -> None:
        assert FreeswitchHarness(tmp_path, event_socket, **login).listen() == []
        assert event_socket.refusals == 0

    @pytest.mark.parametrize("wrong", [{"password": "un-autre"}, {"user": "quelqu-un@default"}])
    def test_refusal_does_not_contain_the_password(
        self, tmp_path: Path, event_socket: EventSocket, wrong: dict[str, str]
    ) -> None:
        pbx = FreeswitchHarness(tmp_path, event_socket, **wrong)
        with pbx.harness.opened() as (flow, _):
            for _ in range(2):
                with pytest.raises(SourceUnavailableError, match="refuses the password") as trouble:
                    flow.step()
                assert "un-autre" not in str(trouble.value)
        assert event_socket.refusals == 1, "the login was repeated immediately"
        with pytest.raises(SourceRefusedError, match="refuses the password"):
            pbx.harness.probe()

    @pytest.mark.parametrize(
        ("greeting", "error"),
        [
            (b"SSH-2.0-OpenSSH_9.2\r\n\n\n", "is not a FreeSWITCH event socket"),
            (
                b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
                "apply-inbound-acl",
            ),
            (b"Content-Type: auth/request\n\n", "broke the connection off"),
        ],
    )
    def test_other_service_and_refused_address_are_reported(self, tmp_path: Path, greeting: bytes, error: str) -> None:
        with greeting_server(greeting) as port, pytest.raises(SourceUnavailableError, match=error):
            ConnectorHarness(freeswitch.CONNECTOR, configuration(port), tmp_path / "data", tmp_path / "keys").probe()

    def test_missing_mod_callcenter_is_reported(self, pbx: FreeswitchHarness, monkeypatch: pytest.MonkeyPatch) -> None:
        missing = "-ERR callcenter_config Command not found!\n"
        monkeypatch.setattr(pbx.event_socket.tables, "answer", lambda command: missing)
        with pytest.raises(SourceUnavailableError, match="is mod_callcenter loaded"):
            pbx.harness.probe()


class TestProbe:
    def test_probe_finds_callers_without_consuming_events(self, pbx: FreeswitchHarness) -> None:
        pbx.waiting()
        pbx.callcenter.set_status(NINE, "3101@default", "Available")
        assert pbx.harness.probe().events == {"call.queued": 1, "agent.state_changed": 1}
        wait_until_disconnected(pbx.event_socket)
        assert len(pbx.listen()) == 2
