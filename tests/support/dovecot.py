"""A real Dovecot 2.3 (Debian: dovecot-imapd) as a child process, without any right beyond those of its user.

Mailboxes are Maildirs. As root it runs as `nobody`, since Dovecot lets nobody read mail as root.
"""

import base64
import grp
import hmac
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from streams.kafka.child_processes import die_with_parent
from streams.kafka.ports import free_port
from tests.support.processes import wait_until

PROGRAM = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
PASSWORD = "mot-de-passe-d-essai"
TOKEN_KEY = b"cle-d-essai-pour-signer-les-jetons"
CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
ssl = yes
ssl_cert = <{base}/cert.pem
ssl_key = <{base}/key.pem
disable_plaintext_auth = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 100
auth_failure_delay = 0
auth_mechanisms = plain login xoauth2
{capability}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    special_use = \\Sent
    auto = create
  }}
  mailbox Brouillons {{
    special_use = \\Drafts
    auto = create
  }}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {base}/oauth2.conf
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={base}/homes/%u allow_all_users=yes
}}
service imap-login {{
  chroot =
  service_count = 0
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
OAUTH2 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={base}/keys/
username_attribute = sub
"""


def _lacking() -> str:
    """Return why tests cannot have a Dovecot; empty if they can, or must."""
    if PROGRAM is None:
        return "" if os.environ.get("CI") == "true" else "dovecot is missing"
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    return "" if version.startswith("2.3.") else f"dovecot {version.split()[0]} is configured in another way than 2.3"


needs_dovecot = pytest.mark.skipif(bool(_lacking()), reason=_lacking())


class Dovecot:
    """One server in `base`, an empty directory; `start` it. It knows any user, all with the same password."""

    def __init__(self, base: Path, *, capability: str = "") -> None:
        self.base = base
        self.port, self.tls_port = free_port(), free_port()
        self.ca_file = base / "cert.pem"
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._process: subprocess.Popen[bytes] | None = None
        self._configure(f"imap_capability = {capability}" if capability else "")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert PROGRAM is not None, "dovecot is missing: apt-get install dovecot-imapd"
        identity: dict[str, Any] = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        with (self.base / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                [PROGRAM, "-F", "-c", str(self.base / "dovecot.conf")],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.base,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl call
                **(identity if os.geteuid() == 0 else {}),
            )
        wait_until(self._answers, "dovecot", 30, self.log)

    def stop(self) -> None:
        """Kill it, connections and all: asked, it takes seconds."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            self._process = None

    def log(self) -> str:
        """Return the end of what it said."""
        texts = [path.read_text() for path in (self.base / "output.log", self.base / "dovecot.log") if path.exists()]
        return "\n".join(texts)[-4000:]

    def add_user(self, name: str) -> str:
        """Let a user have an empty mailbox; return the name."""
        self.home(name).mkdir(parents=True)
        self._own(self.base / "homes", self.home(name))
        return name

    def home(self, name: str) -> Path:
        """Return where a user's mail is, in `Maildir`."""
        return self.base / "homes" / name

    def options(self, name: str, **more: Any) -> dict[str, Any]:
        """Return what a connector needs to read a user's mailbox."""
        login = {"host": "127.0.0.1", "port": self.port, "tls": "none", "username": name, "password": PASSWORD}
        return login | more

    @contextmanager
    def client(self, name: str) -> Iterator[IMAPClient]:
        """Have a connection of a user's, logged in."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=20) as client:
            client.login(name, PASSWORD)
            yield client

    def deliver(self, name: str, messages: Iterable[tuple[datetime, bytes]], folder: str = "INBOX") -> int:
        """Put messages where a user's are, many at a time; the server finds them when it looks. Return how many."""
        maildir = self.home(name) / "Maildir"
        place = maildir if folder == "INBOX" else maildir / f".{folder}"
        for part in ("cur", "new", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
        count = 0
        for count, (at, content) in enumerate(messages, start=1):
            path = place / "new" / f"{int(at.timestamp())}.{count:07}.essai"
            path.write_bytes(content)
            os.utime(path, (at.timestamp(), at.timestamp()))
        self._own(maildir, *maildir.rglob("*"))
        return count

    def renumber(self, name: str) -> None:
        """Let the server give new uids to a user's INBOX, as a restored mailbox has: UIDVALIDITY changes."""
        maildir = self.home(name) / "Maildir"
        for path in (*maildir.glob("dovecot.index*"), maildir / "dovecot-uidlist"):
            path.unlink()

    def _configure(self, capability: str) -> None:
        place = {"base": self.base, "user": self._user.pw_name, "group": grp.getgrgid(self._user.pw_gid).gr_name}
        place |= {"password": PASSWORD}
        text = CONFIGURATION.format(**place, port=self.port, tls_port=self.tls_port, capability=capability)
        (self.base / "dovecot.conf").write_text(text)
        (self.base / "oauth2.conf").write_text(OAUTH2.format(**place))
        keys = self.base / "keys" / "default" / "HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_bytes(base64.b64encode(TOKEN_KEY))
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
        subprocess.run([*make, *names], cwd=self.base, check=True, capture_output=True)
        self._own(self.base, *self.base.rglob("*"))

    def _own(self, *paths: Path) -> None:
        if os.geteuid() == 0:
            for path in paths:
                os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                return connection.recv(4) == b"* OK"
        except OSError:
            return False


@contextmanager
def dovecot(**settings: str) -> Iterator[Dovecot]:
    """Have a server while the block runs."""
    with tempfile.TemporaryDirectory(prefix="dovecot-") as base:  # the paths of its sockets must be short
        server = Dovecot(Path(base), **settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def token_of(name: str) -> str:
    """Return an access token of a user's, which the server takes: a JWT, signed as HS256."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": name, "exp": int(time.time()) + 600, "iat": int(time.time()) - 60})
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(TOKEN_KEY, signed, "sha256")).rstrip(b"=")
    return b".".join((signed, signature)).decode()
