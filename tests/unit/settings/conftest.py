"""Settings are loaded in an empty directory, without variables."""

from tests.support.commands import _no_settings  # noqa: F401 - a fixture
