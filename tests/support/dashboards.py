"""Queries and lint of the committed Grafana dashboards.

The lint has the rules of grafana/dashboard-linter in Python, for all kinds of panels. The rules on `job` and `instance` are left
out, because business metrics do not depend on the process, and so are the rules on logs.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import promql_parser

from grafana import palette
from grafana.generator import DASHBOARDS
from grafana.palette import STATES, STROKES
from tests.support.prometheus import Prometheus

FILES: Final = sorted(DASHBOARDS.glob("*/*.json"))
Json = dict[str, Any]

RANGE, RATE = "1h", "20s"
GLOBALS: Final = {"__range": RANGE, "__rate_interval": RATE, "__url_time_range": "from=now-1h&to=now"}
"""Values for Grafana's built-in variables."""
COLOURS: Final = {state.colour for state in STATES} | {stroke.colour for stroke in STROKES}
COUNTERS: Final = ("_total", "_bucket", "_sum", "_count")
GROWTH: Final = {"rate", "irate", "increase"}


class PanelQuery(NamedTuple):
    """Query of a panel."""

    page: str
    panel: str
    expr: str
    """Query text in the dashboard."""
    instant: bool

    @property
    def query(self) -> str:
        """Query with all values of the variables selected."""
        return substitute(self.expr)


def read(path: Path) -> Json:
    """Return a dashboard as JSON."""
    read: Json = json.loads(path.read_text(encoding="utf-8"))
    return read


def panels(dashboard: Json) -> Iterator[Json]:
    """Yield all panels except row headings."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def asked(path: Path) -> list[PanelQuery]:
    """Return all queries of a dashboard."""
    return [
        PanelQuery(path.stem, panel["title"], target["expr"], bool(target.get("instant")))
        for panel in panels(read(path))
        for target in panel["targets"]
    ]


def substitute(expr: str) -> str:
    """Return a query with all values of its variables and with offsets of two seconds."""
    return re.sub(r"offset \w+", "offset 2s", re.sub(r"\$(\w+)", lambda found: GLOBALS.get(found[1], ".*"), expr))


def selectors(query: str) -> Iterator[str]:
    """Yield the vector selectors of a query as queries."""
    for node, _ in walk(promql_parser.parse(query)):
        if isinstance(node, promql_parser.VectorSelector):
            yield node.prettify()


def walk(node: Any, parents: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield each node of a query with its parents, outermost first."""
    yield node, parents
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        part = getattr(node, name, None)
        if type(part).__module__.startswith("promql_parser"):
            yield from walk(part, (*parents, node))
    for part in getattr(node, "args", None) or ():
        yield from walk(part, (*parents, node))


def lint(dashboard: Json, pages: Mapping[str, set[str]]) -> list[str]:
    """Return the faults of a dashboard; `pages` holds the variables of all dashboards by uid."""
    return [*_lint_page(dashboard), *_lint_layout(dashboard), *_lint_panels(dashboard), *_lint_links(dashboard, pages)]


def _lint_page(dashboard: Json) -> Iterator[str]:
    if dashboard.get("editable", True):
        yield "can be edited"
    if not dashboard.get("uid") or len(dashboard["uid"]) > 40:
        yield "no uid of at most 40 characters"
    if not dashboard.get("title") or not dashboard.get("description"):
        yield "no title or description"
    if dashboard.get("timezone") != "Europe/Paris" or dashboard.get("weekStart") != "monday":
        yield "not in Paris' time and weeks"
    variables = dashboard["templating"]["list"]
    if [variable["name"] for variable in variables if variable["type"] == "datasource"] != ["datasource"]:
        yield "not one variable for the data source, named datasource"
    for variable in variables:
        if not variable.get("label"):
            yield f"{variable['name']}: no label"
        if variable["type"] == "query" and variable.get("refresh") != 2:
            yield f"{variable['name']}: is not read again when the time changes"
        if variable["type"] == "query" and not re.fullmatch(r"label_values\([a-z_:]+, [a-z]+\)", variable["query"]):
            yield f"{variable['name']}: {variable['query']}"


def _lint_layout(dashboard: Json) -> Iterator[str]:
    ids = [panel.get("id") for panel in dashboard["panels"]]
    if not all(ids) or len(set(ids)) < len(ids):
        yield "panels without a number of their own"
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        position = panel["gridPos"]
        columns, lines = (range(position[at], position[at] + position[size]) for at, size in ("xw", "yh"))
        if columns.stop > 24:
            yield f"{panel['title']}: wider than the page"
        cells = {(column, line) for column in columns for line in lines}
        if cells & taken:
            yield f"{panel['title']}: over another panel"
        taken |= cells


def _lint_panels(dashboard: Json) -> Iterator[str]:
    for panel in panels(dashboard):
        yield from (f"{panel.get('title')}: {fault}" for fault in _lint_panel(panel))


def _lint_panel(panel: Json) -> Iterator[str]:
    if not panel.get("title") or not panel.get("description"):
        yield "no title or description"
    if (panel.get("datasource") or {}).get("uid") != "${datasource}":
        yield "a data source of its own"
    defaults = panel["fieldConfig"]["defaults"]
    if not defaults.get("unit"):
        yield "no unit"
    if not defaults.get("noValue"):
        yield "says nothing without data"
    if panel["type"] == "stat" and not defaults.get("thresholds"):
        yield "no thresholds"
    yield from _lint_colours(panel)
    targets = panel.get("targets") or []
    references = [target["refId"] for target in targets]
    if not targets or len(set(references)) < len(references):
        yield "no queries, or two of one name"
    for target in targets:
        yield from (f"{fault} in {target['expr']}" for fault in _lint_query(target["expr"], panel["description"]))


def _lint_colours(panel: Json) -> Iterator[str]:
    for colour in re.findall(r'"#\w+"', json.dumps(panel)):
        if colour.strip('"') not in COLOURS:
            yield f"{colour} is not in the palette"
    if re.search(r'"(red|green|yellow|orange|blue|purple|palette-classic[\w-]*)"', json.dumps(panel)):
        yield "a colour that is not in the palette"
    if panel["type"] == "heatmap" and panel["options"]["color"]["scheme"] != palette.SCHEME:
        yield "colours that are not told apart by lightness"


def _lint_query(expr: str, description: str) -> Iterator[str]:
    windows = set(re.findall(r"\[([^\]]+)\]", expr)) | set(re.findall(r"offset (\w+)", expr))
    for window in windows - {"$__rate_interval", "$__range"}:
        if not re.search(rf"\b{window}\b", description):
            yield f"a window of {window}, which the description does not tell"
    try:
        parsed = promql_parser.parse(substitute(expr))
    except ValueError as error:
        yield f"{error}"
        return
    for node, parents in walk(parsed):
        if not isinstance(node, promql_parser.VectorSelector) or not node.name:
            continue
        grown = any(isinstance(parent, promql_parser.Call) and parent.func.name in GROWTH for parent in parents)
        if node.name.endswith(COUNTERS) is not grown:
            yield f"{node.name}: a counter that is not counted over time, or what is no counter that is"


def _lint_links(dashboard: Json, pages: Mapping[str, set[str]]) -> Iterator[str]:
    for link in dashboard.get("links") or ():
        if not (link["keepTime"] and link["includeVars"]):
            yield f"{link['title']}: loses time or variables"
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    for uid, parameters in re.findall(r'"/d/([\w-]+)([^"]*)"', json.dumps(dashboard)):
        if uid not in pages:
            yield f"/d/{uid} does not exist"
        elif missing := set(re.findall(r"var-(\w+)=", parameters)) - pages[uid]:
            yield f"/d/{uid} has no {missing}"
        elif parameters and "${__url_time_range}" not in parameters:
            yield f"/d/{uid}{parameters} loses the time"
        elif parameters and (lost := variables - set(re.findall(r"(?:var-|\$\{)(\w+)(?:=|:queryparam)", parameters))):
            yield f"/d/{uid}{parameters} loses {lost}"


def unanswered(prometheus: Prometheus, asked: Iterable[PanelQuery]) -> dict[PanelQuery, str]:
    """Return the queries without data now, with the error or the missing series."""
    faults: dict[PanelQuery, str] = {}
    for panel in asked:
        try:
            values = [value for value in prometheus.ask(panel.query).values() if isfinite(value)]
        except httpx.HTTPStatusError as error:
            faults[panel] = error.response.text
            continue
        if not values:
            missing = (series for series in selectors(panel.query) if not prometheus.ask(f"count({series})"))
            faults[panel] = ", ".join(missing)
    return faults
