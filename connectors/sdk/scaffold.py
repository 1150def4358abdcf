"""Creation of a new connector: a small package that works, passes the conformance suite, and serves as a starting point."""

import re
import runpy
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import jinja2

from connectors.sdk import docs, registry
from connectors.sdk.errors import ConfigError
from models.locale import _

TEMPLATES: Final = Path(__file__).with_name("templates")
SUFFIX: Final = ".jinja"
NAME: Final = re.compile(r"(?=.{2,24}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
Kind = Literal["tail", "pull", "push"]
"""How the source is read, see `connectors.sdk.contract`."""


def begin(name: str, kind: Kind, into: Path) -> Path:
    """Create the package of a connector `name` in a new directory in `into`, and return this directory.

    Raises `ConfigError` if the name is invalid or already installed, or the directory exists, and OSError.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(_("{name!r}: a connector's name is 2 to 24 of a-z, 0-9 and _, as in my_desk", name=name))
    if name in registry.names():
        raise ConfigError(_("a connector {name!r} is already installed", name=name))
    root = into / f"accueil-{name.replace('_', '-')}"
    if root.exists():
        raise ConfigError(_("{root} already exists", root=root))
    package, title = f"accueil_{name}", "".join(part.capitalize() for part in name.split("_"))
    values = {"name": name, "kind": kind, "package": package, "title": title, "accueil": version("accueil")}
    into.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=into, prefix=".draft-") as temporary:  # a failure leaves no partial package
        draft = Path(temporary) / root.name
        for path, text in _render(kind, values | {"begin": docs.BEGIN, "end": docs.END}):
            target = draft / path.replace("NAME", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        model = runpy.run_path(str(draft / package / "config.py"))[f"{title}Config"]
        for readme, language in docs.READMES.items():
            docs.update(draft / readme, model, language)
        draft.rename(root)
    return root


def _render(kind: Kind, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the path of each file below the package's root, with `NAME` for the connector's name, and its content."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - the output is Python, TOML and Markdown
    )
    for folder in ("common", kind):
        for template in sorted((TEMPLATES / folder).rglob(f"*{SUFFIX}")):
            path = template.relative_to(TEMPLATES)
            rendered = environment.get_template(path.as_posix()).render(values)
            yield path.relative_to(folder).as_posix().removesuffix(SUFFIX), rendered
