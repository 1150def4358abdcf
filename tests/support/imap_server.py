"""An IMAP server that says what it is told to, line by line: what real ones do that is not as it should be."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any, Final

from connectors.imap.config import ImapConfig

DATE: Final = "16-Mar-2026 08:00:00 +0000"
TRICKLE: Final = "TRICKLE"
"""An answer that comes byte by byte, and takes `TRICKLE_SECONDS`."""
TRICKLE_SECONDS: Final = 5.0
ANSWERS: Final = {
    r"CAPABILITY": "* CAPABILITY IMAP4rev1\r\n",
    r"LOGIN .*": "",
    r"LIST .*": "",
    r"EXAMINE .*": "* 9 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 10] ok\r\n",
    r"LOGOUT": "* BYE\r\n",
}
"""What is answered to commands before `OK`; if it begins with NO or BAD, that; if with BYE, it hangs up; if it ends with +, `OK`
comes after the next line."""


def fetched(uid: int, *, bare: bool = False) -> str:
    """What is said of a message; `bare` without its headers."""
    headers = f"Message-ID: <{uid}>\r\n\r\n"
    group = "" if bare else f" BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {{{len(headers)}}}\r\n{headers}"
    return f'* {uid} FETCH (UID {uid} INTERNALDATE "{DATE}"{group})\r\n'


def opened(next_uid: int) -> str:
    """What is said of a folder that is opened."""
    return f"* {next_uid - 1} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT {next_uid}] ok\r\n"


class ScriptedServer:
    """Answers by `answers`, of which the first that fits counts, and then as most servers do."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.heard: list[str] = []
        """The commands that came, without their tags."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def config(self, **more: Any) -> ImapConfig:
        """Return how to read it."""
        addresses: dict[str, Any] = {"accueil@example.org": {}}
        login = {"host": "127.0.0.1", "port": self._listener.getsockname()[1], "tls": "none"}
        user = {"username": "u", "password": "p"}
        return ImapConfig.model_validate(login | user | {"addresses": addresses} | more)

    def count(self, form: str) -> int:
        """Return how many of the commands were such."""
        return sum(bool(re.fullmatch(form, command)) for command in self.heard)

    def stop(self) -> None:
        """Stop, once who is connected has gone."""
        self._stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopped.is_set():
            with suppress(OSError):  # who was connected has gone
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rwb", buffering=0) as file:
                    self._serve(file)

    def _serve(self, file: Any) -> None:
        file.write(b"* OK here\r\n")
        for line in file:
            tag, _, command = line.decode().strip().partition(" ")
            self.heard.append(command)
            known = self.answers | (ANSWERS | self.answers)  # its own first
            answer = next((text for form, text in known.items() if re.fullmatch(form, command)), "BAD unknown")
            if answer.startswith("BYE"):
                file.write(b"* BYE\r\n")
                return
            if answer == TRICKLE:
                self._trickle(file)
                answer = ""
            if answer.endswith("+"):
                file.write(f"{answer} go on\r\n".encode())
                self.heard.append(file.readline().decode().strip())
                answer = ""
            refused = answer.startswith(("NO", "BAD"))
            file.write((f"{tag} {answer}\r\n" if refused else f"{answer}{tag} OK done\r\n").encode())

    def _trickle(self, file: Any) -> None:
        """Say that there is something, one byte every now and then."""
        said = b"* OK [ALERT] " + b"." * 100 + b"\r\n"
        for byte in said:
            file.write(bytes([byte]))
            self._stopped.wait(TRICKLE_SECONDS / len(said))


@contextmanager
def serving(answers: dict[str, str]) -> Iterator[ScriptedServer]:
    """Have a server that answers so."""
    server = ScriptedServer(answers)
    try:
        yield server
    finally:
        server.stop()
