"""What all commands share: they are loaded when they are used, get their settings, and fail with one clear line."""

import gc
import gettext
import importlib
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click

from streams.locale.i18n import say
from streams.runtime.errors import OperatorError, operator_errors

# What click itself says, in the language of the locale: gettext would go by LANGUAGE first, by which `say` does not.
os.environ.pop("LANGUAGE", None)
gettext.bindtextdomain("accueil", str(Path(__file__).parents[1] / "locale"))
gettext.textdomain("accueil")

P = ParamSpec("P")
R = TypeVar("R")

GC_THRESHOLDS: Final = (10_000, 10, 10)
"""When Python looks for garbage, of which a command makes little; to look among all modules while they are read takes a tenth of
that time. Processes that know better say so themselves."""
WHOLE: Final = 10_000
"""Characters of a first sentence: all of it, click cuts at 45."""


_YES: Final = {"y", "yes", "o", "oui"}
_NO: Final = {"", "n", "no", "non"}


def prompt(question: str, **options: Any) -> Any:
    """Return what is typed after a question on stderr; `options` are those of `click.prompt`."""
    return click.prompt(question, err=True, prompt_suffix=say(": ", " : "), **options)


def confirm(question: str) -> bool:
    """Ask on stderr, in the locale's language; click knows English answers only. Raises `click.Abort` where nobody answers."""
    while True:
        asked = f"{question} {say('[y/N]', '[o/N]')}"
        answer = prompt(asked, default="", show_default=False).strip().lower()
        if answer in _YES | _NO:
            return answer in _YES
        click.echo(say("answer y (yes) or n (no)", "répondre o (oui) ou n (non)"), err=True)


class Group(click.Group):
    """A group whose help cuts no sentence, and that asks of an unknown command whether another was meant.

    Commands may be imported when they are called, so that `--help` answers at once: `lazy` maps the name of such a one to where
    it is (`module:attribute`) and its line of help. Groups within are of the same kind.
    """

    group_class = type

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy or {}

    def main(self, *args: Any, **options: Any) -> Any:
        """Run a command."""
        before = gc.get_threshold()
        gc.set_threshold(*GC_THRESHOLDS)
        try:
            return super().main(*args, **options)
        finally:
            gc.set_threshold(*before)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A file that this account may not use ends it with one line and exit code 2."""
        try:
            return super().invoke(ctx)
        except PermissionError as error:
            if error.filename is None:
                raise
            raise OperatorError(
                say(
                    f"{error.filename}: permission denied: run the command as the account that runs Accueil",
                    f"{error.filename} : accès refusé : lancer la commande avec le compte qui fait tourner Accueil",
                )
            ) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing it if need be."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` begin with. Raises `click.UsageError`, which names the nearest if there is none."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchOption:
            raise  # click has named the nearest one
        except click.UsageError as error:
            from connectors.sdk.config_errors import suggest  # noqa: PLC0415 - brings pydantic

            if meant := suggest(args[0], self.list_commands(ctx)):
                error.message = error.message.removesuffix(".") + meant
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their first sentences, importing none that need not be."""
        with formatter.section(say("Commands", "Commandes ")):
            formatter.write_dl([(name, self._line(ctx, name)) for name in self.list_commands(ctx)])

    def _line(self, ctx: click.Context, name: str) -> str:
        if name in self._lazy:
            return self._lazy[name][1]
        command = self.get_command(ctx, name)
        return command.get_short_help_str(WHOLE) if command else ""


def config_file(context: click.Context) -> Path | None:
    """Return what `--config` named, if it was given."""
    named: Path | None = context.find_root().params.get("config")
    return named


def print_settings_file() -> None:
    """Say on standard error which settings file the command reads, or that there is none."""
    from streams.settings.loader import describe_settings_file  # noqa: PLC0415

    click.echo(f"accueil: {describe_settings_file(config_file(click.get_current_context()))}", err=True)


def pass_settings(command: Callable[Concatenate[Any, P], R]) -> Callable[P, R]:
    """Give the settings to `command` as its first argument; a mistake in them ends it with exit code 2."""

    @wraps(command)
    @click.pass_context
    def run(context: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        from streams.settings.loader import load  # noqa: PLC0415

        with operator_errors():
            settings = load(config_file(context))
            _start_telling(settings)
            return context.invoke(command, settings, *args, **kwargs)

    return run


def start_logging(settings: Any) -> None:
    """Log as the settings say: for what runs until it is stopped."""
    from streams.runtime import logs  # noqa: PLC0415

    logs.configure(settings.log.level, settings.log.format)


def _start_telling(settings: Any) -> None:
    """Tell whoever gave a command what matters of its log, in words; libraries are left out. Where JSON is asked for, log."""
    from streams.runtime import console, logs  # noqa: PLC0415

    if settings.log.format == "json":
        start_logging(settings)
    else:
        logs.configure("warning", "json", console.Console())
        sys.excepthook = sys.__excepthook__  # a defect is shown whole
