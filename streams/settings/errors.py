"""Errors for the operator: one line without a traceback, and an exit code that says whether a restart can help."""

from typing import Any

import click

from streams.settings.exit_codes import EXIT_CONFIGURATION


class OperatorError(click.ClickException):
    """Error whose message contains everything that the operator needs; it is printed without a traceback.

    The process ends with `exit_code`: `EXIT_CONFIGURATION`, or `EXIT_RESTART` if a restart may succeed.
    """

    def __init__(self, message: str, exit_code: int = EXIT_CONFIGURATION) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: Any = None) -> None:
        """Print the message, one line per mistake."""
        for line in self.message.splitlines():
            click.echo(f"accueil: {line}", err=True, file=file)
