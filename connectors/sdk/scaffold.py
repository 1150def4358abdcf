"""Begin a connector: a small package of its own that works, passes the conformance suite, and is there to be changed."""

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
from connectors.sdk.i18n import say

TEMPLATES: Final = Path(__file__).with_name("templates")
SUFFIX: Final = ".jinja"
NAME: Final = re.compile(r"(?=.{2,24}$)[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
Kind = Literal["tail", "pull", "push"]
"""How its source is read, see `connectors.sdk.contract`."""


def begin(name: str, kind: Kind, into: Path) -> Path:
    """Write the package of a connector `name` into a new directory in `into`, and return that.

    Raises `ConfigError` if the name cannot be used or the directory is there already, and OSError.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            say(
                f"{name!r}: a connector's name is 2 to 24 of a-z, 0-9 and _, as in my_desk",
                f"{name!r} : le nom d'un connecteur fait 2 à 24 caractères parmi a-z, 0-9 et _, comme mon_guichet",
            )
        )
    if name in registry.names():
        raise ConfigError(
            say(f"a connector {name!r} is installed already", f"un connecteur {name!r} est déjà installé")
        )
    root = into / f"accueil-{name.replace('_', '-')}"
    if root.exists():
        raise ConfigError(say(f"{root} is there already", f"{root} existe déjà"))
    package, title = f"accueil_{name}", "".join(part.capitalize() for part in name.split("_"))
    values = {"name": name, "kind": kind, "package": package, "title": title, "accueil": version("accueil")}
    into.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=into, prefix=".begun-") as begun:  # so that it is there whole or not at all
        draft = Path(begun) / root.name
        for path, text in _render(kind, values | {"begin": docs.BEGIN, "end": docs.END}):
            place = draft / path.replace("NAME", name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        model = runpy.run_path(str(draft / package / "config.py"))[f"{title}Config"]
        for readme, language in docs.READMES.items():
            docs.update(draft / readme, model, language)
        draft.rename(root)
    return root


def _render(kind: Kind, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each file of the package, by its path there, and what is in it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - what is written is Python, TOML and Markdown
    )
    for of in ("common", kind):
        for template in sorted((TEMPLATES / of).rglob(f"*{SUFFIX}")):
            path = template.relative_to(TEMPLATES)
            rendered = environment.get_template(path.as_posix()).render(values)
            yield path.relative_to(of).as_posix().removesuffix(SUFFIX), rendered
