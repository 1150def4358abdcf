"""`accueil bench`: hands over to tests/bench, which only a checkout has."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

import click

from streams.locale.i18n import say
from streams.runtime.errors import OperatorError

ROOT: Final = Path(__file__).parents[2]
NEEDED: Final = ("confluent_kafka",)
"""What tests/bench needs beside what Accueil does."""
HELP: Final = {"-h", "--help"}


@click.command(
    "bench",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    help=say("Throughput and latency, beside the peers.", "Débit et latence, à côté des autres moteurs."),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Become `python -m tests.bench`, which knows the options."""
    try:
        check(ROOT)
    except OperatorError as error:
        if not HELP & set(arguments):
            raise
        click.echo(f"{context.get_help()}\n\n{error.message}")
        return
    # -P: the user's directory may hold packages of our names.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tests.bench", *arguments])  # noqa: S606 - our own program


def check(root: Path) -> None:
    """Raise `OperatorError` unless `root` is a checkout, and what its tests need is installed."""
    if not (root / "tests" / "bench" / "__main__.py").exists():
        raise OperatorError(
            say(
                "accueil bench runs in a checkout of the project only: git clone it, then make bench",
                "accueil bench ne tourne que dans une copie du dépôt : git clone, puis make bench",
            )
        )
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise OperatorError(
            say(
                f"accueil bench needs {', '.join(missing)}: make bench, or pip install -e '.[test]'",
                f"accueil bench a besoin de {', '.join(missing)} : make bench, ou pip install -e '.[test]'",
            )
        )
