"""Panels: what each shows is said as data; how it is drawn is the same on all pages."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Final, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as parts
from grafana_foundation_sdk.models import heatmap as heat
from grafana_foundation_sdk.models import prometheus as queries

from grafana.palette import NORMAL, SCHEME, STATES, STROKES, Stroke
from grafana.words import Language, Vocabulary, Words, board, same
from streams.web.metrics.measure import TWIN
from streams.web.options import Thresholds

SOURCE: Final = parts.DataSourceRef(type_val="prometheus", uid="${datasource}")
NAMELESS: Final = same("")
NOTHING: Final = same("—")

COUNT: Final = same("locale")
"""A number, as the reader's country writes it."""
SHARE: Final = same("percentunit")
CLOCK: Final = same("dthms")
"""Seconds, as hours:minutes:seconds."""
SECONDS: Final = same("s")
DAYS: Final = Words("suffix: j", "suffix: d")
HOURS: Final = same("suffix: h")
EUROS: Final = same("currencyEUR")
PER_SECOND: Final = same("suffix: /s")
PLAIN: Final = same("none")
AS_WORD: Final = same("string")
"""Only what the number stands for is shown."""
DECIMALS: Final = {COUNT: 0, SHARE: 1, DAYS: 1, HOURS: 1}
"""Of units; of others Grafana chooses."""
DAY: Final = 86_400
HOUR: Final = 3_600
REFERENCES: Final = ascii_uppercase
"""What the queries of a panel are called in it."""

_Panel = TypeVar("_Panel", stat.Panel, timeseries.Panel, bargauge.Panel, table.Panel, heatmap.Panel)


@dataclass(frozen=True)
class Query:
    """One question to Prometheus."""

    expr: str
    name: Words = NAMELESS
    """Of its only series; else the panel says by which label series are named."""
    stroke: Stroke | None = None
    """As a curve; else the next one of all."""


class Context(NamedTuple):
    """Where a panel is drawn."""

    number: int
    """How addresses and annotations know it on its page."""
    language: Language
    variables: Sequence[str]
    """Of the page."""


@dataclass(frozen=True, kw_only=True)
class Panel(ABC):
    """What all panels have."""

    title: Words
    about: Words
    """The formula, in words."""
    unit: Words = COUNT
    width: int = 6
    """In 24ths of the page."""
    height: int = 5
    nothing: Words = NOTHING
    """What is said where there is no sample."""

    @property
    @abstractmethod
    def asked(self) -> Sequence[str]:
        """All queries of the panel."""

    @abstractmethod
    def draw(self, on: Context) -> Builder[parts.Panel]:
        """Return the panel as it is there."""

    def _describe(self) -> Words:
        """Return the formula, and a note where it leaves out corrected counts."""
        if TWIN in self.about.en or not any(f"{TWIN}_" in query for query in self.asked):
            return self.about
        return Words(
            f"{self.about.fr} Hors corrections (…{TWIN}).",
            f"{self.about.en} Without corrected counts (…{TWIN}).",
        )

    def _frame(self, panel: _Panel, on: Context) -> _Panel:
        drawn: _Panel = (
            panel.id(on.number)
            .title(self.title.of(on.language))
            .description(self._describe().of(on.language))
            .datasource(SOURCE)
            .unit(self.unit.of(on.language))
            .no_value(self.nothing.of(on.language))
            .span(self.width)
            .height(self.height)
        )
        return drawn.decimals(DECIMALS[self.unit]) if self.unit in DECIMALS else drawn


@dataclass(frozen=True, kw_only=True)
class Tile(Panel):
    """One figure, large; with `levels` its state below, as a word."""

    query: str
    levels: Thresholds | None = None

    @property
    def asked(self) -> Sequence[str]:
        """All queries of the panel."""
        return (self.query,)

    def draw(self, on: Context) -> Builder[parts.Panel]:
        """Return a stat."""
        panel = (
            self._frame(stat.Panel(), on)
            .color_mode(looks.BigValueColorMode.VALUE)
            .graph_mode(looks.BigValueGraphMode.NONE)
            .text_mode(looks.BigValueTextMode.VALUE)
            .orientation(looks.VizOrientation.HORIZONTAL)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(_thresholds(self.levels))
            .with_target(_ask(self.query, "A", instant=True))
        )
        if self.levels:
            panel.with_target(_ask(judge(self.query, self.levels), "B", instant=True))
            panel.override_by_query("B", _as_state(on.language))
        return panel


@dataclass(frozen=True, kw_only=True)
class Curve(Panel):
    """How figures change over time."""

    queries: Sequence[Query]
    names: Vocabulary | None = None
    """What the series are called whose label `by` has such a value, in their order."""
    by: str = ""
    width: int = 12
    height: int = 8

    @property
    def asked(self) -> Sequence[str]:
        """All queries of the panel."""
        return [one.expr for one in self.queries]

    def draw(self, on: Context) -> Builder[parts.Panel]:
        """Return time series, told apart by colour and dash."""
        panel = (
            self._frame(timeseries.Panel(), on)
            .min(0)
            .line_width(2)
            .fill_opacity(0)
            .show_points(looks.VisibilityMode.AUTO)
            .legend(common.VizLegendOptions().show_legend(show_legend=True).placement(looks.LegendPlacement.BOTTOM))
            .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
        )
        if self.unit == SHARE:
            panel.max(1)
        named: dict[str, tuple[Words, Stroke | None]] = {}
        for reference, query in zip(REFERENCES, self.queries, strict=False):
            legend = f"{{{{{self.by}}}}}" if self.by else query.name.of(on.language)
            panel.with_target(_ask(query.expr, reference, legend=legend))
            if not self.by:
                named[query.name.of(on.language)] = query.name, query.stroke
        for value, words in (self.names or {}).items():
            named[value] = words, None
        free = iter(STROKES)
        for name, (words, stroke) in named.items():
            panel.override_by_name(name, _as_series(words.of(on.language), stroke or next(free)))
        return panel


@dataclass(frozen=True, kw_only=True)
class Bars(Panel):
    """Figures of now side by side, one for each query, or for each value of the label `by` of a single one."""

    queries: Sequence[Query]
    by: str = ""
    names: Vocabulary | None = None
    width: int = 8
    height: int = 8

    @property
    def asked(self) -> Sequence[str]:
        """All queries of the panel."""
        return [one.expr for one in self.queries]

    def draw(self, on: Context) -> Builder[parts.Panel]:
        """Return horizontal bars of one colour, each with its name and number."""
        panel = (
            self._frame(bargauge.Panel(), on)
            .min(0)
            .orientation(looks.VizOrientation.HORIZONTAL)
            .display_mode(looks.BarGaugeDisplayMode.BASIC)
            .text(common.VizTextDisplayOptions().title_size(15).value_size(18))
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(_thresholds(None))
        )
        for reference, query in zip(REFERENCES, self.queries, strict=False):
            legend = f"{{{{{self.by}}}}}" if self.by else query.name.of(on.language)
            panel.with_target(_ask(query.expr, reference, instant=True, legend=legend))
        if self.unit == SHARE:
            panel.max(1)
        for value, words in (self.names or {}).items():
            panel.override_by_name(value, [_set("displayName", words.of(on.language))])
        return panel


@dataclass(frozen=True, kw_only=True)
class Heat(Panel):
    """A distribution over time."""

    query: str
    """By `le`."""
    unit: Words = SECONDS
    width: int = 12
    height: int = 8

    @property
    def asked(self) -> Sequence[str]:
        """All queries of the panel."""
        return (self.query,)

    def draw(self, on: Context) -> Builder[parts.Panel]:
        """Return a heatmap: the more, the lighter."""
        return (
            self._frame(heatmap.Panel(), on)
            .color(heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme(SCHEME).steps(32))
            .y_axis(heatmap.YAxisConfig().unit(self.unit.of(on.language)))
            .cell_gap(1)
            .with_target(_ask(self.query, "A", legend="{{le}}", shape=queries.PromQueryFormat.HEATMAP))
        )


@dataclass(frozen=True)
class Key:
    """A column of a table that says of what a row is: the value of a label."""

    label: str
    title: Words
    names: Vocabulary | None = None
    page: str = ""
    """The page where there is more about this value, if any."""


@dataclass(frozen=True)
class Column:
    """A column of figures."""

    title: Words
    query: str
    """By the labels of all keys."""
    unit: Words = COUNT
    levels: Thresholds | None = None
    """The state stands as a word in a column of its own behind it."""
    states: Vocabulary | None = None
    """What a number stands for, where that is shown in its stead."""


@dataclass(frozen=True, kw_only=True)
class Table(Panel):
    """Rows, one for each value of the keys."""

    keys: Sequence[Key]
    columns: Sequence[Column]
    width: int = 24
    height: int = 9

    @property
    def asked(self) -> Sequence[str]:
        """All queries of the panel."""
        return [column.query for column in self.columns]

    def draw(self, on: Context) -> Builder[parts.Panel]:
        """Return a table that has a row for each value of the keys in any of the columns."""
        panel = self._frame(table.Panel(), on).cell_height(looks.TableCellHeight.SM)
        names = {key.label: key.title.of(on.language) for key in self.keys}
        for reference, (title, query, looks_so) in zip(REFERENCES, self._columns(on.language), strict=False):
            panel.with_target(_ask(query, reference, instant=True, shape=queries.PromQueryFormat.TABLE))
            panel.override_by_name(title, looks_so)
            names[f"Value #{reference}"] = title
        for key in self.keys:
            panel.override_by_name(key.title.of(on.language), _as_key(key, on))
        order = {name: number for number, name in enumerate(names)}
        panel.with_transformation(parts.DataTransformerConfig(id_val="merge", options={}))
        panel.with_transformation(
            parts.DataTransformerConfig(
                id_val="organize",
                options={"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names},
            )
        )
        return panel

    def _columns(self, language: Language) -> Iterator[tuple[str, str, list[parts.DynamicConfigValue]]]:
        """Yield title, query and looks: of each column, and after one that has levels of its state."""
        for column in self.columns:
            title = column.title.of(language)
            yield title, column.query, _as_column(column, language)
            if column.levels:
                state = Words(f"{column.title.fr} : état", f"{column.title.en}: state").of(language)
                yield state, judge(column.query, column.levels), [*_as_state(language), _COLOURED]


def judge(query: str, levels: Thresholds) -> str:
    """Return a query for the state of a figure: 0, 1 or 2 (`grafana.palette.STATES`), as the board judges."""
    sign = "<" if levels.action < levels.attention else ">="
    return f"(({query}) {sign} bool {levels.attention})\n+\n(({query}) {sign} bool {levels.action})"


def _ask(
    expr: str,
    reference: str,
    *,
    instant: bool = False,
    legend: str = "",
    shape: queries.PromQueryFormat = queries.PromQueryFormat.TIME_SERIES,
) -> prometheus.Dataquery:
    query = prometheus.Dataquery().expr(expr).ref_id(reference).datasource(SOURCE).format(shape)
    if legend:
        query.legend_format(legend)
    return query.instant() if instant else query.range()


def _thresholds(levels: Thresholds | None) -> Builder[parts.ThresholdsConfig]:
    """Return from which value on which colour is shown."""
    steps = [parts.Threshold(value=None, color=NORMAL.colour)]
    if levels:
        rising = levels.action >= levels.attention
        colours = [state.colour for state in (STATES if rising else reversed(STATES))]
        steps[0].color = colours[0]
        bounds = sorted((levels.attention, levels.action))
        steps += [parts.Threshold(value=bound, color=colour) for bound, colour in zip(bounds, colours[1:], strict=True)]
    return dashboard.ThresholdsConfig().mode(parts.ThresholdsMode.ABSOLUTE).steps(steps)


def _set(name: str, value: object) -> parts.DynamicConfigValue:
    return parts.DynamicConfigValue(id_val=name, value=value)


_COLOURED: Final = _set("custom.cellOptions", {"type": "color-text"})


def _map_words(names: Vocabulary, language: Language) -> parts.ValueMap:
    return parts.ValueMap(
        options={
            value: parts.ValueMappingResult(text=words.of(language), index=number)
            for number, (value, words) in enumerate(names.items())
        }
    )


def _as_state(language: Language) -> list[parts.DynamicConfigValue]:
    """Return how the number of a state is shown: its symbol and word, in its colour."""
    words = parts.ValueMap(
        options={
            str(number): parts.ValueMappingResult(text=state.text.of(language), color=state.colour, index=number)
            for number, state in enumerate(STATES)
        }
    )
    return [_set("unit", AS_WORD.fr), _set("mappings", [words]), _set("color", {"mode": "thresholds"})]


def _as_series(name: str, stroke: Stroke) -> list[parts.DynamicConfigValue]:
    style: dict[str, Any] = {"fill": "dash", "dash": list(stroke.dash)} if stroke.dash else {"fill": "solid"}
    return [
        _set("displayName", name),
        _set("color", {"mode": "fixed", "fixedColor": stroke.colour}),
        _set("custom.lineStyle", style),
    ]


def _as_column(column: Column, language: Language) -> list[parts.DynamicConfigValue]:
    properties = [_set("unit", column.unit.of(language))]
    if column.unit in DECIMALS:
        properties.append(_set("decimals", DECIMALS[column.unit]))
    if column.states:
        properties.append(_set("mappings", [_map_words(column.states, language)]))
    if column.levels:
        properties += [_COLOURED, _set("thresholds", _thresholds(column.levels).build())]
    return properties


def _as_key(key: Key, on: Context) -> list[parts.DynamicConfigValue]:
    properties = [_set("noValue", board("no_name").of(on.language))]
    if key.names:
        properties.append(_set("mappings", [_map_words(key.names, on.language)]))
    if key.page:
        properties.append(_set("links", [_lead(key, on)]))
    return properties


def _lead(key: Key, on: Context) -> Mapping[str, object]:
    """Return a link to a page that keeps what is looked at: time, source, and all variables but the one that is clicked."""
    kept = ("datasource", *(name for name in on.variables if name != key.label))
    looked_at = "&".join(["${__url_time_range}", *(f"${{{name}:queryparam}}" for name in kept)])
    url = f"/d/{uid_of(key.page, on.language)}?{looked_at}&var-{key.label}=${{__value.raw}}"
    return {"title": key.title.of(on.language), "url": url}


def uid_of(page: str, language: Language) -> str:
    """Return by which name a page is found in Grafana, as in /d/accueil-wall and /d/accueil-wall-en."""
    return f"accueil-{page}" + ("" if language == "fr" else f"-{language}")
