"""`accueil bench`: run tests/bench, which exists only in a checkout."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Final

import click

from models.locale import _
from streams.settings.errors import OperatorError

ROOT: Final = Path(__file__).parents[2]


@click.command(
    "bench",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    help=_("Measure throughput and latency, and compare them with other stream engines."),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Replace this process by `python -m tests.bench`, which parses the options."""
    if not (ROOT / "tests" / "bench" / "__main__.py").exists():
        raise OperatorError(_("accueil bench runs only in a checkout of the project: git clone, then make bench"))
    if importlib.util.find_spec("confluent_kafka") is None:
        raise OperatorError(
            _("accueil bench needs {missing}: make bench, or pip install -e '.[test]'", missing="confluent_kafka")
        )
    # -P: the current directory may contain packages with the same names.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    os.execv(sys.executable, [sys.executable, "-P", "-m", "tests.bench", *arguments])  # noqa: S606 - our own program
