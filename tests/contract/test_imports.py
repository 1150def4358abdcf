"""Allowed imports between packages, as in ARCHITECTURE.md."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("models", "streams", "connectors", "grafana", "tests")
ALLOWED = {
    # The longest folder that fits a file counts; <system> stands for its own folder.
    "models": ["models"],
    "streams": ["models", "streams", "connectors.sdk"],
    "streams/core": ["models", "streams.core"],
    # The engine knows no event type, so it cannot use `state_reader`.
    "streams/engine": [
        "streams.engine",
        "streams.kafka.authorization",
        "streams.kafka.embedded_broker",
        "streams.kafka.partitioner",
        "streams.kafka.record",
    ],
    "streams/kafka": ["models", "streams.core", "streams.kafka", "connectors.sdk.ports"],
    "streams/agents": [
        "models",
        "streams.core",
        "streams.engine",
        "streams.kafka.partitioner",
        "streams.kafka.record",
        "streams.agents",
    ],
    "streams/timeline": ["models", "streams.core", "streams.timeline"],
    "streams/privacy": ["models", "streams.core", "streams.timeline", "streams.privacy"],
    "streams/access": ["models", "streams.access", "streams.settings.api", "connectors.sdk"],
    "streams/api": [
        "models",
        "streams.core",
        "streams.timeline",
        "streams.access",
        "streams.privacy",
        "streams.settings",
        "streams.web.preferences",
        "streams.api",
        "connectors.sdk",
    ],
    "streams/web": [
        "models",
        "streams.core",
        "streams.web",
        "streams.kafka.topic_reader",
        "connectors.sdk.host_names",
        "connectors.sdk.http_server",
        "connectors.sdk.sockets",
    ],
    "streams/report": ["models", "streams.core", "streams.web", "streams.report"],
    "streams/notify": ["models", "streams.core", "streams.notify", "streams.kafka.topic_reader", "connectors.sdk"],
    "streams/locale": ["models", "streams.locale", "connectors.sdk"],
    "connectors/sdk": ["models", "connectors.sdk"],
    "connectors/<system>": ["models", "connectors.sdk", "connectors.<system>"],
    "connectors/simulator": ["models", "connectors"],
    "connectors/webhook": ["models", "connectors.sdk", "connectors.webhook", "connectors.kiosk"],
    "grafana": ["models", "streams.web", "grafana"],
}
LIBRARIES = {
    "faust": ["streams/engine/", "streams/agents/"],
    "mode": ["streams/engine/", "streams/agents/"],
    "aiokafka": ["streams/engine/", "streams/agents/", "streams/kafka/authorization.py"],
    "kafka": [
        "connectors/sdk/publisher.py",
        "streams/kafka/",
        "streams/cli/timeline_rebuild.py",
        "streams/recovery/",
    ],
    "confluent_kafka": [],
    "grafana_foundation_sdk": ["grafana/"],
    "promql_parser": [],
    "sqlalchemy": ["streams/timeline/", "connectors/sql/"],
    "alembic": ["streams/timeline/"],
}


def sources() -> list[Path]:
    return [path for folder in OURS[:-1] for path in sorted((ROOT / folder).rglob("*.py"))]


def imports(source: str, package: str) -> Iterator[str]:
    """Yield every module that `source` imports, also within functions; `package` resolves relative imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def allowed(path: str) -> list[str]:
    folder = path.rpartition("/")[0]
    system = path.split("/")[1] if path.count("/") > 1 else ""
    if path.startswith("connectors/") and system not in {"", "sdk"}:
        modules = ALLOWED.get(f"connectors/{system}", ALLOWED["connectors/<system>"])
        return [module.replace("<system>", system) for module in modules]
    fitting = [prefix for prefix in ALLOWED if f"{folder}/".startswith(f"{prefix}/")]
    return ALLOWED[max(fitting, key=len)] if fitting else []


def forbidden_imports(path: str, source: str) -> list[str]:
    found = []
    for module in imports(source, path.rpartition("/")[0].replace("/", ".")):
        top = module.partition(".")[0]
        if top in OURS:
            is_allowed = any(f"{module}.".startswith(f"{prefix}.") for prefix in allowed(path))
        else:
            is_allowed = top not in LIBRARIES or path.startswith(tuple(LIBRARIES[top]))
        if not is_allowed:
            found.append(module)
    return found


def package_of(module: str) -> str:
    """Return the package of a module or of a name in it: `streams.web` for `streams.web.board.texts.TEXTS`."""
    names = module.split(".")
    return ".".join(names[:2]) if names[0] != "models" and (ROOT / names[0] / names[1]).is_dir() else names[0]


def find_package_imports() -> dict[str, set[str]]:
    """Return package → other packages that it imports."""
    found: dict[str, set[str]] = {}
    for file in sources():
        path = str(file.relative_to(ROOT))
        folder = path.rpartition("/")[0].replace("/", ".")
        package = package_of(path.removesuffix(".py").replace("/", "."))
        modules = [module for module in imports(file.read_text(), folder) if module.startswith(OURS) and "." in module]
        found.setdefault(package, set()).update({package_of(module) for module in modules} - {package})
    return found


def test_packages_do_not_import_each_other_in_circles() -> None:
    packages = find_package_imports()
    packages.pop("grafana")  # one package: its generator collects `grafana.pages`, which use its panels
    assert [*TopologicalSorter(packages).static_order()]


def test_packages_import_only_what_is_allowed() -> None:
    assert len(sources()) > 20
    found = {
        path: forbidden
        for file in sources()
        if (forbidden := forbidden_imports(path := str(file.relative_to(ROOT)), file.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("models/x.py", "import streams.core.figures.figure"),
        ("streams/core/x.py", "from streams.engine import broker"),
        ("streams/core/x.py", "from ..engine import broker"),
        ("streams/engine/x.py", "from models.events import Event"),
        ("streams/engine/x.py", "from streams.kafka.state_reader import read_rows"),
        ("streams/web/x.py", "def late():\n    import streams.kafka.embedded_broker"),
        ("streams/x.py", "from connectors.asterisk import mapping"),
        ("connectors/sdk/x.py", "from streams.settings.schema import Settings"),
        ("connectors/asterisk/x.py", "from connectors.imap import source"),
        ("connectors/asterisk/deep/x.py", "import connectors.imap"),
        ("streams/web/x.py", "import aiokafka.client"),
        ("connectors/asterisk/x.py", "from kafka import KafkaProducer"),
        ("streams/x.py", "import confluent_kafka"),
        ("grafana/pages/x.py", "from streams.core.figures.figure_schemas import QUEUES"),
        ("streams/x.py", "from tests.support import oracle"),
    ],
)
def test_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(forbidden_imports(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("streams/core/x.py", "from .figures import Figure\nfrom models.events import Event\nimport orjson"),
        ("streams/agents/x.py", "import faust\nfrom streams.core import figures"),
        (
            "streams/cli/main.py",
            "from streams.kafka.embedded_broker import EmbeddedKafka\nfrom connectors.sdk import runner",
        ),
        ("connectors/asterisk/x.py", "from connectors.asterisk.mapping import one\nfrom connectors.sdk import spool"),
        ("connectors/sdk/publisher.py", "import kafka"),
        ("streams/x.py", "import kafkaesque"),
    ],
)
def test_allowed_imports_pass(path: str, source: str) -> None:
    assert forbidden_imports(path, source) == []
