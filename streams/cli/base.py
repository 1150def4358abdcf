"""Base of all commands: lazy loading, settings, prompts and one-line errors."""

import gettext
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click

from connectors.sdk.errors import (
    ConnectorError,
    InstanceInUseError,
    SourceMisconfiguredError,
    SourceRefusedError,
    SourceUnavailableError,
)
from models import locale
from models.locale import N_, _
from streams.locale.error_messages import os_error_cause
from streams.settings.errors import OperatorError
from streams.settings.exit_codes import EXIT_CONFIGURATION, EXIT_RESTART

# click translates its own messages with gettext, which prefers LANGUAGE to the locale; `models.locale` ignores LANGUAGE.
os.environ.pop("LANGUAGE", None)
gettext.bindtextdomain("click", str(locale.DIRECTORY))
gettext.textdomain("click")

P = ParamSpec("P")
R = TypeVar("R")

MAX_HELP_CHARACTERS: Final = 10_000
"""Longest line of help in a list of commands, in characters; click's default of 45 cuts sentences."""

_YES: Final = {"y", "yes", "o", "oui"}
_NO: Final = {"", "n", "no", "non"}


def prompt(question: str, **options: Any) -> Any:
    """Ask a translated question on stderr and return the answer; `options` are those of `click.prompt`."""
    return click.prompt(question, err=True, prompt_suffix=_(": "), **options)


def confirm(question: str) -> bool:
    """Ask a yes/no question on stderr until the answer is valid, and return the answer. `question` is already translated.

    English and French answers are valid in every language: `y`, `yes`, `o`, `oui`, `n`, `no`, `non`. An empty answer means no.
    Raise `click.Abort` at the end of the input.
    """
    while True:
        choice = _("[y/N]")
        answer = prompt(f"{question} {choice}", default="", show_default=False).strip().lower()
        if answer in _YES | _NO:
            return answer in _YES
        click.echo(_("answer y (yes) or n (no)"), err=True)


class Group(click.Group):
    """A command group with lazy imports, full sentences in its help, and suggestions for unknown commands.

    `lazy` maps the name of a command to its import path (`module:attribute`) and its line of help. It is imported when it is
    called, so `--help` is fast. `sections` (untranslated title, names of commands) order the help; without them,
    it lists all commands. Subgroups are of this class too.
    """

    group_class = type

    def __init__(
        self,
        *args: Any,
        lazy: dict[str, tuple[str, str]] | None = None,
        sections: Sequence[tuple[str, Sequence[str]]] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy or {}
        self._sections = sections

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Turn a denied access to a named file into a one-line error with exit code 2."""
        try:
            return super().invoke(ctx)
        except PermissionError as error:
            if error.filename is None:
                raise
            raise OperatorError(
                _(
                    "{filename}: permission denied: run the command as the account that runs Accueil",
                    filename=error.filename,
                )
            ) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, sorted."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported if necessary; None if it is unknown."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command named first in `args`. Raise `click.UsageError` with a suggestion if it is unknown."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchOption:
            raise  # click has added a suggestion
        except click.UsageError as error:
            from connectors.sdk.config_errors import suggest  # noqa: PLC0415 - imports pydantic

            if suggestion := suggest(args[0], self.list_commands(ctx)):
                error.message = error.message.removesuffix(".") + suggestion
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, by section, without importing lazy ones."""
        for title, names in self._sections or ((N_("Commands"), self.list_commands(ctx)),):
            with formatter.section(_(title)):
                formatter.write_dl([(name, self._help_line(ctx, name)) for name in names])

    def _help_line(self, ctx: click.Context, name: str) -> str:
        if name in self._lazy:
            return self._lazy[name][1]
        command = self.get_command(ctx, name)
        return command.get_short_help_str(MAX_HELP_CHARACTERS) if command else ""


@contextmanager
def connector_errors() -> Iterator[None]:
    """Turn errors of connectors and files in a `with` block into `OperatorError`."""
    try:
        yield
    except InstanceInUseError as error:
        hint = _("stop it first")
        raise OperatorError(f"{error}{_(':')} {hint}") from None
    except ConnectorError as error:
        is_permanent = isinstance(error, SourceRefusedError | SourceMisconfiguredError)
        code = EXIT_RESTART if isinstance(error, SourceUnavailableError) and not is_permanent else EXIT_CONFIGURATION
        raise OperatorError(str(error), code) from None
    except BrokenPipeError:
        raise  # click ends the process
    except OSError as error:
        raise OperatorError(f"{error.filename}: {os_error_cause(error)}") from None


class ConnectorGroup(Group):
    """A group whose commands end with one line for an error of a connector or of its files."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command within `connector_errors`."""
        with connector_errors():
            return super().invoke(ctx)


def config_file(context: click.Context) -> Path | None:
    path: Path | None = context.find_root().params.get("config")
    return path


def print_settings_file() -> None:
    from streams.settings.loader import describe_settings_file  # noqa: PLC0415

    click.echo(f"accueil: {describe_settings_file(config_file(click.get_current_context()))}", err=True)


def pass_settings(command: Callable[Concatenate[Any, P], R]) -> Callable[P, R]:
    """Load the settings, pass them to `command` as first argument, and configure the log for the console."""

    @wraps(command)
    @click.pass_context
    def run(context: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        from streams.settings.loader import load  # noqa: PLC0415

        settings = load(config_file(context))
        _start_console(settings)
        return context.invoke(command, settings, *args, **kwargs)

    return run


def pass_running_settings(command: Callable[Concatenate[Any, P], R]) -> Callable[P, R]:
    """Pass the result of `find_settings` to a command: its settings, or those of the running demo if nothing else runs."""

    @wraps(command)
    def run(settings: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        from streams.runtime.instance_lock import find_settings  # noqa: PLC0415

        return command(find_settings(settings), *args, **kwargs)

    return pass_settings(run)


def start_logging(settings: Any) -> None:
    from streams.runtime import logs  # noqa: PLC0415

    logs.configure(settings.log.level, settings.log.format)


def _start_console(settings: Any) -> None:
    """Print warnings as sentences on the console, without those of libraries; log as JSON if `log.format` is `json`."""
    from streams.runtime import console, logs  # noqa: PLC0415

    if settings.log.format == "json":
        start_logging(settings)
    else:
        logs.configure("warning", "json", console.Console())
        sys.excepthook = sys.__excepthook__  # show the traceback of a bug
