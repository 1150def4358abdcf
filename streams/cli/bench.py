"""`accueil bench`: run tests/bench, which exists only in a checkout."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

import click

from models.locale import _
from streams.runtime.errors import OperatorError

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("confluent_kafka",)
"""Packages that tests/bench needs in addition to those of Accueil."""
HELP_OPTIONS: Final = {"-h", "--help"}


@click.command(
    "bench",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    help=_("Measure throughput and latency, and compare them with other stream engines."),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Replace this process by `python -m tests.bench`, which parses the options."""
    try:
        check(ROOT)
    except OperatorError as error:
        if not HELP_OPTIONS & set(arguments):
            raise
        click.echo(f"{context.get_help()}\n\n{error.message}")
        return
    # -P: the current directory may contain packages with the same names.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tests.bench", *arguments])  # noqa: S606 - our own program


def check(root: Path) -> None:
    """Raise `OperatorError` unless `root` is a checkout and the packages of tests/bench are installed."""
    if not (root / "tests" / "bench" / "__main__.py").exists():
        raise OperatorError(_("accueil bench runs only in a checkout of the project: git clone, then make bench"))
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise OperatorError(
            _("accueil bench needs {missing}: make bench, or pip install -e '.[test]'", missing=", ".join(missing))
        )
