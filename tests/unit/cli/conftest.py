"""Commands start in an empty directory, without settings."""

from tests.support.commands import _no_settings  # noqa: F401 - a fixture
