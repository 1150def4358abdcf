"""Login of the embedded broker: one user, whose generated password is in a file in the data directory.

Clients log in by SCRAM, which does not transmit the password. Another account of the machine that listens on the stopped broker's
port learns nothing from the clients that connect to it.
"""

import logging
import os
import re
import secrets
from pathlib import Path
from typing import Final

from models.locale import _

USER: Final = "accueil"
MECHANISM: Final = "SCRAM-SHA-256"
PASSWORD_FILE: Final = "kafka-password"  # noqa: S105 - the name of the file, in the data directory
PLAIN: Final = "PLAIN"
_CLIENTS: Final = "CLIENTS"
_MODULES: Final = {
    PLAIN: "org.apache.kafka.common.security.plain.PlainLoginModule",
    MECHANISM: "org.apache.kafka.common.security.scram.ScramLoginModule",
}


class PasswordError(ValueError):
    """The password file cannot be used; the message says why and what to do."""


def make_password() -> str:
    """Return a new random password without characters that need quoting."""
    return secrets.token_hex(32)


def ensure_password(path: Path) -> str:
    """Return the password in the file `path`; create the file with a new password if it does not exist.

    Raises `OSError`, and `PasswordError` if other accounts may read the file or if it contains no password.
    """
    if not path.exists():
        new = path.with_name(f"{path.name}.{os.getpid()}")
        write_private(new, f"{make_password()}\n")
        new.replace(path)
    if path.stat().st_mode & 0o077:
        raise PasswordError(
            _(
                "{path} can be read by other accounts: remove it and start again, which creates a new password",
                path=path,
            )
        )
    password = path.read_text(encoding="utf-8").strip()
    if not re.fullmatch(r"[A-Za-z0-9_-]{16,}", password):
        raise PasswordError(
            _(
                "{path} contains no password (at least 16 letters or digits): remove it and start again, "
                "which creates one",
                path=path,
            )
        )
    return password


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, regardless of the umask; replace an existing one."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def listener_properties(port: int, controller: int, password: str, mechanism: str) -> dict[str, str]:
    """Return the broker settings that make both listeners refuse clients without a login.

    `port`, `password` and `mechanism` are those of the clients. `controller` is the port of the controller listener, which gets a
    new password at each start: its only client is the broker itself.
    """
    inner = make_password()
    return {
        "listeners": f"{_CLIENTS}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"{_CLIENTS}://127.0.0.1:{port}",
        "listener.security.protocol.map": f"{_CLIENTS}:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": _CLIENTS,
        "sasl.mechanism.inter.broker.protocol": mechanism,
        "sasl.mechanism.controller.protocol": PLAIN,
        f"listener.name.{_CLIENTS.lower()}.sasl.enabled.mechanisms": mechanism,
        f"listener.name.{_CLIENTS.lower()}.{mechanism.lower()}.sasl.jaas.config": _jaas(mechanism, USER, password),
        "listener.name.controller.sasl.enabled.mechanisms": PLAIN,
        "listener.name.controller.plain.sasl.jaas.config": _jaas(PLAIN, "controller", inner),
    }


def _jaas(mechanism: str, user: str, password: str) -> str:
    users = f' user_{user}="{password}"' if mechanism == PLAIN else ""
    return f'{_MODULES[mechanism]} required username="{user}" password="{password}"{users};'


def set_password(bootstrap: str, password: str, login: str) -> str:
    """Set the user's SCRAM password on a broker that accepts `login` by PLAIN; return the name of the error, or an empty text."""
    # Imported here: needed once, for data directories that were formatted without a password.
    from kafka.admin import KafkaAdminClient, UserScramCredentialUpsertion  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    from streams.kafka.clients import open_client  # noqa: PLC0415

    # The warning does not apply: the connection stays on the loopback interface, and this login is valid for one start only.
    logger = logging.getLogger("kafka.net.sasl.plain")
    logger.addFilter(_is_not_clear_text_warning)
    client = {
        "bootstrap_servers": bootstrap,
        "bootstrap_timeout_ms": 30_000,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": PLAIN,
        "sasl_plain_username": USER,
        "sasl_plain_password": login,
    }
    try:
        with open_client(KafkaAdminClient, client) as admin:
            errors = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, MECHANISM, password)])
    except KafkaError as error:
        return type(error).__name__
    finally:
        logger.removeFilter(_is_not_clear_text_warning)
    return errors[USER] or ""


def _is_not_clear_text_warning(record: logging.LogRecord) -> bool:
    return record.msg != "Sending username and password in the clear"
