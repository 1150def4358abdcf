"""Connection to a manager interface: loss and recovery, refusals, TLS, and silence."""

import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import connectors.asterisk as asterisk
from connectors.asterisk.manager.manager_session import ManagerSession
from connectors.asterisk.name_resolver import NameResolver
from connectors.asterisk.simulate import ManagerServer, configuration
from connectors.asterisk.simulate.manager import _Connection as Connection
from connectors.sdk.errors import SourceMisconfiguredError, SourceRefusedError, SourceUnavailableError
from connectors.sdk.rejects import read as read_rejects
from connectors.sdk.socket_session import ANSWER_SECONDS, PING_SECONDS
from connectors.sdk.testing import ConnectorHarness
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.asterisk_harness import (
    NINE,
    AsteriskHarness,
    ScriptedSwitchboard,
    call_in_two_queues,
    make_certificate,
    options,
    queue_events,
    serving,
)
from tests.support.processes import wait_until
from tests.support.socket_sources import greeting_server, wait_until_disconnected


class TestReconnection:
    def test_changes_during_an_interruption_are_published(self, pbx: AsteriskHarness) -> None:
        switchboard = pbx.switchboard
        first, second, third = (switchboard.arrive(NINE + n) for n in range(1, 4))

        def begin_calls() -> None:
            switchboard.log_in(NINE + 5, "600", "PJSIP/31")
            switchboard.log_in(NINE + 5, "600", "PJSIP/32")
            for n, call in enumerate((first, second, third)):
                switchboard.enter(NINE + 10 + n, call, "600")
            switchboard.answer(NINE + 20, first, "PJSIP/31")

        pbx.listen(begin_calls)
        switchboard.hang_up(NINE + 50, first)
        switchboard.give_up(NINE + 51, second)
        switchboard.pause(NINE + 52, "600", "PJSIP/31")
        switchboard.log_out(NINE + 53, "600", "PJSIP/32")
        switchboard.log_in(NINE + 54, "600", "PJSIP/33", paused=True)
        pbx.manager.writer.advance_to(NINE + 60)
        events = pbx.listen(lambda: switchboard.give_up(NINE + 90, third))
        assert queue_events(events) == [
            ("call.left_queue", "accueil", 1),
            ("call.ended", "accueil", 1),
            ("call.abandoned", "accueil", 1),
        ]
        changes = [event.data.change.value for event in events if event.type == "agent.state_changed"]
        assert sorted(changes) == ["contact_ended", "logged_in", "logged_out", "paused", "paused"]

    def test_unchanged_state_is_not_reported_again(self, pbx: AsteriskHarness) -> None:
        call_in_two_queues(pbx.switchboard)
        assert pbx.listen()
        assert pbx.listen() == []

    def test_lost_connection_is_made_again(self, pbx: AsteriskHarness) -> None:
        call = call_in_two_queues(pbx.switchboard)
        with pbx.harness.opened() as (flow, publisher):
            flow.step()
            pbx.manager.drop_all()
            with pytest.raises(SourceUnavailableError, match="broke the connection off"):
                wait_until(lambda: flow.step() or False, "the connection to be lost")
            wait_until(lambda: pbx.manager.listeners or step_or_wait(flow), "the connection to be made again")
            pbx.switchboard.give_up(NINE + 100, call)
            wait_until(lambda: flow.step() or queue_events(publisher.events)[1:], "the next event")
            assert queue_events(publisher.events) == [("call.queued", "mdph", 1), ("call.abandoned", "mdph", 1)]

    def test_unconfirmed_events_survive_a_kill(self, pbx: AsteriskHarness) -> None:
        with pbx.harness.opened() as (flow, publisher):
            flow.step()
            call_in_two_queues(pbx.switchboard)
            wait_until(lambda: flow.step() or len(queue_events(publisher.events)) == 4, "all events")
            ids = [event.id for event in publisher.events]
        wait_until_disconnected(pbx.manager)
        with pbx.harness.opened() as (flow, publisher):
            wait_until(lambda: flow.step() or pbx.manager.listeners, "the connection")
            assert [event.id for event in publisher.events] == ids
            publisher.confirm()
        wait_until_disconnected(pbx.manager)
        assert pbx.listen() == []
        assert [*(pbx.harness.directory / "ami").iterdir()] == []

    def test_each_interface_is_read_while_the_other_is_unavailable(
        self, tmp_path: Path, manager: ManagerServer
    ) -> None:
        pbx = AsteriskHarness(tmp_path, manager, with_log=True)
        pbx.log.unlink()
        with pbx.harness.opened() as (flow, publisher):
            flow.step()
            pbx.switchboard.arrive(NINE + 1)
            pbx.log.unlink()
            wait_until(lambda: flow.step() or publisher.events, "an event of the manager interface")
            assert "queue_log is not there" in flow.trouble
        manager.close()
        with pbx.harness.opened() as (flow, publisher):
            pbx.switchboard.arrive(NINE + 2)
            wait_until(lambda: flow.step() or len(publisher.events) > 1, "an event of the log")
            wait_until(lambda: flow.step() or "cannot be reached" in flow.trouble, "the error of the manager interface")

    def test_error_names_both_unavailable_interfaces(self, tmp_path: Path, manager: ManagerServer) -> None:
        pbx = AsteriskHarness(tmp_path, manager, with_log=True)
        pbx.log.unlink()
        manager.close()
        with pbx.harness.opened() as (flow, _), pytest.raises(SourceUnavailableError) as trouble:
            flow.step()
        assert "queue_log is not there" in str(trouble.value)
        assert f"127.0.0.1:{manager.port} cannot be reached" in str(trouble.value)


def step_or_wait(flow: Any) -> None:
    """Run one step; wait a moment if it fails."""
    try:
        flow.step()
    except SourceUnavailableError:
        time.sleep(0.05)


class TestLogin:
    @pytest.mark.parametrize("login", [{}, {"auth": "plain"}])
    def test_login_succeeds(self, pbx: AsteriskHarness, login: dict[str, str], tmp_path: Path) -> None:
        assert AsteriskHarness(tmp_path, pbx.manager, **login).listen() == []
        assert pbx.manager.refusals == 0

    @pytest.mark.parametrize("auth", ["md5", "plain"])
    @pytest.mark.parametrize("wrong", [{"secret": "un-autre"}, {"username": "quelqu-un"}])
    def test_refusal_does_not_contain_the_secret(
        self, tmp_path: Path, manager: ManagerServer, auth: str, wrong: dict[str, str]
    ) -> None:
        pbx = AsteriskHarness(tmp_path, manager, auth=auth, **wrong)
        with pbx.harness.opened() as (flow, _):
            with pytest.raises(
                SourceUnavailableError, match="refuses Login: are username and secret correct"
            ) as trouble:
                flow.step()
            assert "un-autre" not in str(trouble.value)
            with pytest.raises(SourceUnavailableError, match="refuses Login"):
                flow.step()
        assert manager.refusals == 1, "the login was repeated immediately"
        with pytest.raises(SourceRefusedError, match="refuses Login"):
            pbx.harness.probe()

    def test_other_service_on_the_port_is_reported(self, tmp_path: Path) -> None:
        with greeting_server(b"220 mail.example.org ESMTP\r\n") as port:
            given = configuration(ami={"host": "127.0.0.1", "port": port, "username": "a", "secret": "b"})
            harness = ConnectorHarness(asterisk.CONNECTOR, given, tmp_path / "data", tmp_path / "keys")
            with pytest.raises(SourceUnavailableError, match="is not an Asterisk manager interface"):
                harness.probe()

    def test_missing_class_dialplan_is_reported(self, tmp_path: Path, manager: ManagerServer) -> None:
        pbx = AsteriskHarness(tmp_path, manager)
        send = pbx.manager.send_event
        pbx.manager.send_event = lambda event: None if event["Event"] in {"VarSet", "Newexten"} else send(event)  # type: ignore[method-assign]
        call = call_in_two_queues(pbx.switchboard)
        pbx.listen(lambda: pbx.switchboard.give_up(NINE + 100, call))
        (rejected,) = read_rejects(pbx.harness.directory)
        assert rejected.reject.reason is Reason.UNKNOWN_RECORD
        assert "class dialplan" in rejected.reject.detail


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


class TestEncrypted:
    @pytest.fixture
    def encrypted(self, certificate: Path) -> Iterator[ManagerServer]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        with serving(NINE, tls=tls) as manager:
            yield manager

    def test_trusted_certificate_is_accepted(self, tmp_path: Path, encrypted: ManagerServer, certificate: Path) -> None:
        pbx = AsteriskHarness(tmp_path, encrypted, tls=True, authorities=str(certificate))
        call_in_two_queues(pbx.switchboard)
        assert len(pbx.listen()) == 2

    def test_untrusted_certificate_is_refused(self, tmp_path: Path, encrypted: ManagerServer) -> None:
        with pytest.raises(SourceUnavailableError, match="not trusted here"):
            AsteriskHarness(tmp_path, encrypted, tls=True).harness.probe()

    def test_server_without_tls_is_refused(self, tmp_path: Path, manager: ManagerServer) -> None:
        with pytest.raises(SourceUnavailableError, match="speaks no TLS"):
            AsteriskHarness(tmp_path, manager, tls=True).harness.probe()

    def test_unreadable_authorities_are_reported(self, tmp_path: Path, manager: ManagerServer) -> None:
        pbx = AsteriskHarness(tmp_path, manager, tls=True, authorities=str(tmp_path / "none.pem"))
        with pytest.raises(SourceMisconfiguredError, match=r"none\.pem is unreadable"):
            pbx.harness.probe()


class TestProbe:
    def test_probe_finds_callers_without_consuming_events(self, pbx: AsteriskHarness) -> None:
        call_in_two_queues(pbx.switchboard)
        found = pbx.harness.probe()
        assert found.events == {"call.queued": 1, "agent.state_changed": 1}
        wait_until_disconnected(pbx.manager)
        assert len(pbx.listen()) == 2


class TestSilence:
    @pytest.fixture
    def session(self, manager: ManagerServer) -> Iterator[ManagerSession]:
        config = asterisk.CONNECTOR.config(**configuration(ami=options(manager)))
        with closing(ManagerSession(config.ami, NameResolver(config, PseudonymKey("x", bytes(32))))) as session:
            yield session
        wait_until_disconnected(manager)

    def pause(self, session: ManagerSession, seconds: float) -> None:
        session.heard_at -= seconds
        session.asked_at -= seconds

    def test_buffered_events_are_read_after_a_long_pause(self, session: ManagerSession, manager: ManagerServer) -> None:
        ScriptedSwitchboard(lambda line: None, manager).arrive(NINE + 1)
        self.pause(session, 600)
        assert [record.message["Event"] for record in session.receive(5.0)] == ["Newchannel"]

    def test_silent_server_is_pinged(self, session: ManagerSession) -> None:
        self.pause(session, 600)
        assert session.receive(0.0) == []
        assert [message["Ping"] for message in session.receive_messages(5.0)] == ["Pong"]

    def test_server_without_an_answer_is_disconnected(
        self, session: ManagerSession, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Connection, "_answer", lambda connection, action: True)
        self.pause(session, PING_SECONDS)
        assert session.receive(0.0) == []
        self.pause(session, ANSWER_SECONDS)
        with pytest.raises(SourceUnavailableError, match="does not answer any more"):
            session.receive(0.0)
