"""IMAP server with scripted responses, for tests of misbehaving servers."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, Final

from connectors.imap.config import ImapConfig

DATE: Final = "16-Mar-2026 08:00:00 +0000"
ANSWERS: Final = {
    r"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n",
    r"LOGIN .*": "",
    r"LIST .*": "",
    r"EXAMINE .*": "* 9 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 10] ok\r\n",
    r"LOGOUT": "* BYE\r\n",
}
"""Default responses, by pattern of the command; `OK` follows each one.

A response starting with NO or BAD replaces `OK`. BYE closes the connection. After an initial or final +, `OK` follows the
client's next line.
"""


def fetched(uid: int, *, headers: bool = True) -> str:
    """Return the FETCH response for a message, with or without its headers."""
    text = f"Message-ID: <{uid}>\r\n\r\n"
    group = f" BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {{{len(text)}}}\r\n{text}" if headers else ""
    return f'* {uid} FETCH (UID {uid} INTERNALDATE "{DATE}"{group})\r\n'


def opened(next_uid: int) -> str:
    """Return the EXAMINE response for a folder."""
    return f"* {next_uid - 1} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT {next_uid}] ok\r\n"


class ScriptedServer:
    """Server that responds with the first matching entry of `answers`, or with `ANSWERS`."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.commands: list[str] = []
        """Received commands, without their tags."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def config(self, **changes: Any) -> ImapConfig:
        """Return the configuration of a connector that reads this server."""
        addresses: dict[str, Any] = {"accueil@example.org": {}}
        login = {"host": "127.0.0.1", "port": self._listener.getsockname()[1], "tls": "none"}
        user = {"username": "u", "password": "p"}
        return ImapConfig.model_validate(login | user | {"addresses": addresses} | changes)

    def count(self, pattern: str) -> int:
        """Return the number of received commands that match `pattern`."""
        return sum(bool(re.fullmatch(pattern, command)) for command in self.commands)

    def stop(self) -> None:
        """Stop after the client has disconnected."""
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopped.is_set():
            with suppress(OSError):  # the client disconnected
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rwb", buffering=0) as file:
                    self._serve(file)

    def _serve(self, file: Any) -> None:
        file.write(b"* OK here\r\n")
        for line in file:
            tag, _, command = line.decode().strip().partition(" ")
            self.commands.append(command)
            answers = self.answers | (ANSWERS | self.answers)  # scripted answers come first
            answer = next((text for form, text in answers.items() if re.fullmatch(form, command)), "BAD unknown")
            if answer.startswith("BYE"):
                file.write(b"* BYE\r\n")
                return
            if "+" in {answer[:1], answer[-1:]}:
                file.write(answer.encode() if answer.startswith("+ ") else f"{answer} go on\r\n".encode())
                self.commands.append(file.readline().decode().strip())
                answer = ""
            refused = answer.startswith(("NO", "BAD"))
            file.write((f"{tag} {answer}\r\n" if refused else f"{answer}{tag} OK done\r\n").encode())


@contextmanager
def serving(answers: dict[str, str]) -> Iterator[ScriptedServer]:
    """Run a server with these answers."""
    server = ScriptedServer(answers)
    try:
        yield server
    finally:
        server.stop()
