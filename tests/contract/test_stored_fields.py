"""Field names of structs in Kafka, on disk and in HTTP: a rename in Python must not change stored data.

After an intended change, `python -m tests.contract.test_stored_fields` writes `stored_fields.json` again.
"""

import importlib
import inspect
import json
import pkgutil
from dataclasses import fields
from pathlib import Path
from typing import Final

import msgspec

from streams.privacy.erasures import Proof, Remnant

FILE: Final = Path(__file__).with_name("stored_fields.json")
PACKAGES: Final = ("models", "streams", "connectors")
DATACLASSES: Final = (Proof, Remnant)
"""Dataclasses that are stored."""
NOT_IMPORTED: Final = (".migrations", ".templates", ".barcode_worker", "__main__")


def stored_fields() -> dict[str, list[str]]:
    """Return the field names of each struct that is encoded as a map, by class name."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if any(part in module.name for part in NOT_IMPORTED):
                continue
            for name, value in vars(importlib.import_module(module.name)).items():
                if (
                    inspect.isclass(value)
                    and issubclass(value, msgspec.Struct)
                    and value.__module__ == module.name
                    and not value.__struct_config__.array_like
                ):
                    found[f"{module.name}.{name}"] = sorted(value.__struct_encode_fields__)
    found |= {
        f"{each.__module__}.{each.__name__}": sorted(field.name for field in fields(each)) for each in DATACLASSES
    }
    return found


def test_stored_field_names_do_not_change() -> None:
    assert stored_fields() == json.loads(FILE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    FILE.write_text(json.dumps(stored_fields(), indent=1) + "\n", encoding="utf-8")
