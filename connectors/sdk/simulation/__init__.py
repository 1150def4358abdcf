"""Common parts of simulators of source systems."""

from typing import Final

HOST: Final = "127.0.0.1"
