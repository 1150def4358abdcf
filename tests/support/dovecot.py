"""Dovecot 2.3 (Debian: dovecot-imapd) as an unprivileged child process.

Mailboxes are Maildirs. Started by root, it runs as the user `nobody`, because Dovecot refuses mail access to root.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from imapclient import IMAPClient

from connectors.sdk.ports import free_port
from streams.kafka.child_processes import die_with_parent
from tests.support.processes import is_running, wait_until

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


def _skip_reason() -> str:
    """Return why the Dovecot tests are skipped; empty if they run. In CI they always run, and fail without Dovecot 2.3."""
    if os.environ.get("CI"):
        return ""
    if PROGRAM is None:
        return "dovecot is missing"
    version = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    if version.startswith("2.3."):
        return ""
    return f"dovecot {version.split()[0]} uses another configuration format than 2.3"


needs_dovecot = pytest.mark.skipif(bool(_skip_reason()), reason=_skip_reason())


class Dovecot:
    """Dovecot server in the empty directory `base`. It accepts any user name, all with the same password."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.port, self.tls_port = free_port(), free_port()
        self.ca_file = base / "cert.pem"
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self._process: subprocess.Popen[bytes] | None = None
        self._configure()

    def start(self) -> None:
        """Start the server and wait until it answers."""
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
        wait_until(self._answers, "dovecot", otherwise=self.log)

    def stop(self) -> None:
        """Kill the server with its connections, and wait until they release its sockets; a regular stop takes seconds."""
        if self._process is not None:
            children = psutil.Process(self._process.pid).children(recursive=True)
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            wait_until(lambda: not any(is_running(child.pid) for child in children), "the end of all processes")
            self._process = None

    def log(self) -> str:
        """Return the end of the server's logs."""
        texts = [path.read_text() for path in (self.base / "output.log", self.base / "dovecot.log") if path.exists()]
        return "\n".join(texts)[-4000:]

    def add_user(self, name: str) -> str:
        """Create an empty mailbox for a user, and return the user's name."""
        self.home(name).mkdir(parents=True)
        self._own(self.base / "homes", self.home(name))
        return name

    def home(self, name: str) -> Path:
        """Return the home directory of a user; the mail is in `Maildir`."""
        return self.base / "homes" / name

    def options(self, name: str, **changes: Any) -> dict[str, Any]:
        """Return the options of a connector that reads a user's mailbox."""
        login = {"host": "127.0.0.1", "port": self.port, "tls": "none", "username": name, "password": PASSWORD}
        return login | changes

    @contextmanager
    def client(self, name: str) -> Iterator[IMAPClient]:
        """Return a logged-in connection of a user."""
        with IMAPClient("127.0.0.1", self.port, ssl=False, timeout=20) as client:
            client.login(name, PASSWORD)
            yield client

    def renumber(self, name: str) -> None:
        """Delete the index of a user's INBOX: the server assigns new uids and a new UIDVALIDITY, as after a restore."""
        maildir = self.home(name) / "Maildir"
        for path in (*maildir.glob("dovecot.index*"), maildir / "dovecot-uidlist"):
            path.unlink()

    def _configure(self) -> None:
        values = {"base": self.base, "user": self._user.pw_name, "group": grp.getgrgid(self._user.pw_gid).gr_name}
        values |= {"password": PASSWORD}
        text = CONFIGURATION.format(**values, port=self.port, tls_port=self.tls_port)
        (self.base / "dovecot.conf").write_text(text)
        (self.base / "oauth2.conf").write_text(OAUTH2.format(**values))
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
def dovecot() -> Iterator[Dovecot]:
    """Run a server for the duration of the block."""
    with tempfile.TemporaryDirectory(prefix="dovecot-") as base:  # socket paths must be short
        server = Dovecot(Path(base))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def token_of(name: str) -> str:
    """Return an access token for a user: a JWT signed with HS256."""
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": name, "exp": int(time.time()) + 600, "iat": int(time.time()) - 60})
    signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(hmac.digest(TOKEN_KEY, signed, "sha256")).rstrip(b"=")
    return b".".join((signed, signature)).decode()
