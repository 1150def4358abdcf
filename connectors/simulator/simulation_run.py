"""Directory of a simulation: files, ports and secrets of the systems, and the settings that read them."""

import json
import secrets
import threading
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import tomli_w

from connectors.sdk.files import make_private_directory, replace
from connectors.sdk.ports import free_port
from connectors.sdk.simulation import HOST
from connectors.simulator.organisation import CONTACT_REASONS

PORTS: Final = "ports.json"
SECRETS: Final = "secrets"


class SimulationRun:
    """The directory `root`, created if missing and accessible to this user only."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.settings = self.root / "accueil.toml"
        self._lock = threading.Lock()
        make_private_directory(self.root / SECRETS)
        path = self.root / PORTS
        self._ports: dict[str, int] = json.loads(path.read_bytes()) if path.exists() else {}

    def port(self, name: str) -> int:
        """Return the port of the system `name`, chosen and saved on first use; the same until `renew_ports`."""
        with self._lock:  # the senders of several systems ask for ports in their own threads
            while name not in self._ports:
                port = free_port()
                if port not in self._ports.values():
                    self._ports[name] = port
                    replace(self.root / PORTS, json.dumps(self._ports).encode())
            return self._ports[name]

    def address(self, name: str) -> str:
        """Return the URL of the system `name`, or of the connector that receives its messages."""
        return f"http://{HOST}:{self.port(name)}"

    def renew_ports(self) -> None:
        """Forget all ports, so that `port` chooses new free ones; the file keeps the old ones until then."""
        with self._lock:
            self._ports.clear()

    def secret(self, name: str) -> Path:
        """Return the file with the secret of the system `name`, created if missing: `whsec_` and Base64."""
        path = self.root / SECRETS / name
        with self._lock:
            if path.exists():
                return path
            replace(path, b"whsec_" + b64encode(secrets.token_bytes(32)))
        return path

    def folder(self, *names: str) -> Path:
        """Return the subdirectory `root`/`names`, created if missing, accessible to this user only."""
        path = self.root.joinpath(*names)
        make_private_directory(path)
        return path

    def write_settings(self, connectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Write the connector settings, by instance name, and the reasons for contact, in place of earlier ones."""
        reasons = {
            name: {
                "label_fr": reason.label_fr,
                "label_en": reason.label_en,
                "menu_options": [*reason.menu_options],
                "procedures": [*reason.procedures],
            }
            for name, reason in CONTACT_REASONS.items()
        }
        replace(self.settings, tomli_w.dumps({"contact_reasons": reasons, "connectors": connectors}).encode())
