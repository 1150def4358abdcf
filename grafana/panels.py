"""Kinds of panels, described as data and drawn in the same way on all pages."""

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
from grafana.texts import Language, LocalizedText, ValueNames, _, board_text, untranslated
from streams.web.metrics.measure import CORRECTED_SUFFIX
from streams.web.options import Thresholds

SOURCE: Final = parts.DataSourceRef(type_val="prometheus", uid="${datasource}")
NAMELESS: Final = untranslated("")
NOTHING: Final = untranslated("—")

COUNT: Final = untranslated("locale")
"""A number in the format of the user's locale."""
SHARE: Final = untranslated("percentunit")
CLOCK: Final = untranslated("dthms")
"""Seconds, shown as hours:minutes:seconds."""
SECONDS: Final = untranslated("s")
DAYS: Final = LocalizedText("suffix: j", "suffix: d")
HOURS: Final = untranslated("suffix: h")
EUROS: Final = untranslated("currencyEUR")
PER_SECOND: Final = untranslated("suffix: /s")
PLAIN: Final = untranslated("none")
AS_WORD: Final = untranslated("string")
"""Unit that shows only the word of a mapped number."""
DECIMALS: Final = {COUNT: 0, SHARE: 1, DAYS: 1, HOURS: 1}
"""Unit → decimal places; Grafana chooses those of other units."""
DAY: Final = 86_400
HOUR: Final = 3_600
REFERENCES: Final = ascii_uppercase
"""Reference letters of the queries in a panel."""

_Panel = TypeVar("_Panel", stat.Panel, timeseries.Panel, bargauge.Panel, table.Panel, heatmap.Panel)


@dataclass(frozen=True)
class Query:
    """A PromQL query."""

    expr: str
    name: LocalizedText = NAMELESS
    """Name of its only series; otherwise the panel defines the label that names the series."""
    stroke: Stroke | None = None
    """Line style; None selects the next of `STROKES`."""


class Context(NamedTuple):
    """Id, language and page variables of a panel that is drawn."""

    number: int
    """Id of the panel on its page, for URLs and annotations."""
    language: Language
    variables: Sequence[str]
    """Variables of the page."""


@dataclass(frozen=True, kw_only=True)
class Panel(ABC):
    """Base of all panels: their title, description, unit and size."""

    title: LocalizedText
    description: LocalizedText
    """Formula of the figures in words, shown as the help of the panel."""
    unit: LocalizedText = COUNT
    width: int = 6
    """Width in 24ths of the page."""
    height: int = 5
    no_value_text: LocalizedText = NOTHING
    """Text shown without samples."""

    @abstractmethod
    def draw(self, context: Context) -> Builder[parts.Panel]:
        """Return the panel for a context."""

    def _describe(self) -> LocalizedText:
        """Return the description, with a note if the queries leave out corrected counts and it does not say so."""
        if CORRECTED_SUFFIX in self.description.en or f"{CORRECTED_SUFFIX}_" not in repr(self):  # with all queries
            return self.description
        return _(
            "{description} Without corrected counts (…{suffix}).", description=self.description, suffix=CORRECTED_SUFFIX
        )

    def _frame(self, panel: _Panel, context: Context) -> _Panel:
        drawn: _Panel = (
            panel.id(context.number)
            .title(self.title.in_language(context.language))
            .description(self._describe().in_language(context.language))
            .datasource(SOURCE)
            .unit(self.unit.in_language(context.language))
            .no_value(self.no_value_text.in_language(context.language))
            .span(self.width)
            .height(self.height)
        )
        return drawn.decimals(DECIMALS[self.unit]) if self.unit in DECIMALS else drawn


@dataclass(frozen=True, kw_only=True)
class StatPanel(Panel):
    """A large figure; with `thresholds`, its state is below as a word."""

    query: str
    thresholds: Thresholds | None = None

    def draw(self, context: Context) -> Builder[parts.Panel]:
        """Return a stat panel."""
        panel = (
            self._frame(stat.Panel(), context)
            .color_mode(looks.BigValueColorMode.VALUE)
            .graph_mode(looks.BigValueGraphMode.NONE)
            .text_mode(looks.BigValueTextMode.VALUE)
            .orientation(looks.VizOrientation.HORIZONTAL)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(_thresholds(self.thresholds))
            .with_target(_query(self.query, "A", instant=True))
        )
        if self.thresholds:
            panel.with_target(_query(judge(self.query, self.thresholds), "B", instant=True))
            panel.override_by_query("B", _as_state(context.language))
        return panel


@dataclass(frozen=True, kw_only=True)
class TimeSeriesPanel(Panel):
    """Figures over time."""

    queries: Sequence[Query]
    names: ValueNames | None = None
    """Value of the label `by` → name of the series; their order selects the line styles (`STROKES`)."""
    by: str = ""
    """Label that names the series; empty if each query has a single series with a name of its own."""
    width: int = 12
    height: int = 8

    def draw(self, context: Context) -> Builder[parts.Panel]:
        """Return a time series panel; named series differ by colour and dash."""
        panel = (
            self._frame(timeseries.Panel(), context)
            .min(0)
            .line_width(2)
            .fill_opacity(0)
            .show_points(looks.VisibilityMode.AUTO)
            .legend(common.VizLegendOptions().show_legend(show_legend=True).placement(looks.LegendPlacement.BOTTOM))
            .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
        )
        if self.unit == SHARE:
            panel.max(1)
        named: dict[str, tuple[LocalizedText, Stroke | None]] = {}
        for reference, query in zip(REFERENCES, self.queries, strict=False):
            legend = f"{{{{{self.by}}}}}" if self.by else query.name.in_language(context.language)
            panel.with_target(_query(query.expr, reference, legend=legend))
            if not self.by:
                named[query.name.in_language(context.language)] = query.name, query.stroke
        for value, words in (self.names or {}).items():
            named[value] = words, None
        free = iter(STROKES)
        for name, (words, stroke) in named.items():
            panel.override_by_name(name, _as_series(words.in_language(context.language), stroke or next(free)))
        return panel


@dataclass(frozen=True, kw_only=True)
class BarGaugePanel(Panel):
    """Current figures as bars: one for each query, or for each value of the label `by` of a single query."""

    queries: Sequence[Query]
    by: str = ""
    names: ValueNames | None = None
    width: int = 8
    height: int = 8

    def draw(self, context: Context) -> Builder[parts.Panel]:
        """Return horizontal bars of one colour, with names and numbers."""
        panel = (
            self._frame(bargauge.Panel(), context)
            .min(0)
            .orientation(looks.VizOrientation.HORIZONTAL)
            .display_mode(looks.BarGaugeDisplayMode.BASIC)
            .text(common.VizTextDisplayOptions().title_size(15).value_size(18))
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .thresholds(_thresholds(None))
        )
        for reference, query in zip(REFERENCES, self.queries, strict=False):
            legend = f"{{{{{self.by}}}}}" if self.by else query.name.in_language(context.language)
            panel.with_target(_query(query.expr, reference, instant=True, legend=legend))
        if self.unit == SHARE:
            panel.max(1)
        for value, words in (self.names or {}).items():
            panel.override_by_name(value, [_set("displayName", words.in_language(context.language))])
        return panel


@dataclass(frozen=True, kw_only=True)
class HeatmapPanel(Panel):
    """A distribution over time."""

    query: str
    """Query of buckets, by `le`."""
    unit: LocalizedText = SECONDS
    width: int = 12
    height: int = 8

    def draw(self, context: Context) -> Builder[parts.Panel]:
        """Return a heatmap in which higher counts are lighter."""
        return (
            self._frame(heatmap.Panel(), context)
            .color(heatmap.HeatmapColorOptions().mode(heat.HeatmapColorMode.SCHEME).scheme(SCHEME).steps(32))
            .y_axis(heatmap.YAxisConfig().unit(self.unit.in_language(context.language)))
            .cell_gap(1)
            .with_target(_query(self.query, "A", legend="{{le}}", shape=queries.PromQueryFormat.HEATMAP))
        )


@dataclass(frozen=True)
class KeyColumn:
    """A column of a table that identifies the row by the value of a label."""

    label: str
    title: LocalizedText
    names: ValueNames | None = None
    page: str = ""
    """Name of the page with details of this value; empty if there is none."""


@dataclass(frozen=True)
class Column:
    """A column with figures."""

    title: LocalizedText
    query: str
    """Query whose series have the labels of all keys of the table."""
    unit: LocalizedText = COUNT
    thresholds: Thresholds | None = None
    """Thresholds of the state, which is a word in an additional column."""
    states: ValueNames | None = None
    """Number → word that is shown instead; numbers are shown if None."""


@dataclass(frozen=True, kw_only=True)
class TablePanel(Panel):
    """A table with one row for each combination of the keys."""

    keys: Sequence[KeyColumn]
    columns: Sequence[Column]
    width: int = 24
    height: int = 9

    def draw(self, context: Context) -> Builder[parts.Panel]:
        """Return a table with a row for each combination of keys in any of the columns."""
        panel = self._frame(table.Panel(), context).cell_height(looks.TableCellHeight.SM)
        names = {key.label: key.title.in_language(context.language) for key in self.keys}
        for reference, (title, query, properties) in zip(REFERENCES, self._columns(context.language), strict=False):
            panel.with_target(_query(query, reference, instant=True, shape=queries.PromQueryFormat.TABLE))
            panel.override_by_name(title, properties)
            names[f"Value #{reference}"] = title
        for key in self.keys:
            panel.override_by_name(key.title.in_language(context.language), _as_key(key, context))
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
        """Yield title, query and properties of each column, followed by its state column if it has thresholds."""
        for column in self.columns:
            title = column.title.in_language(language)
            yield title, column.query, _as_column(column, language)
            if column.thresholds:
                state = _("{title}: state", title=column.title).in_language(language)
                yield state, judge(column.query, column.thresholds), [*_as_state(language), _COLOURED]


def judge(query: str, thresholds: Thresholds) -> str:
    """Return a query for the state of a figure: 0, 1 or 2 (`grafana.palette.STATES`), by the rules of the board."""
    sign = "<" if thresholds.action < thresholds.attention else ">="
    return f"(({query}) {sign} bool {thresholds.attention})\n+\n(({query}) {sign} bool {thresholds.action})"


def _query(
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


def _thresholds(thresholds: Thresholds | None) -> Builder[parts.ThresholdsConfig]:
    """Return the colours of values: normal for all without thresholds."""
    steps = [parts.Threshold(value=None, color=NORMAL.colour)]
    if thresholds:
        rising = thresholds.action >= thresholds.attention
        colours = [state.colour for state in (STATES if rising else reversed(STATES))]
        steps[0].color = colours[0]
        bounds = sorted((thresholds.attention, thresholds.action))
        steps += [parts.Threshold(value=bound, color=colour) for bound, colour in zip(bounds, colours[1:], strict=True)]
    return dashboard.ThresholdsConfig().mode(parts.ThresholdsMode.ABSOLUTE).steps(steps)


def _set(name: str, value: object) -> parts.DynamicConfigValue:
    return parts.DynamicConfigValue(id_val=name, value=value)


_COLOURED: Final = _set("custom.cellOptions", {"type": "color-text"})


def _map_words(names: ValueNames, language: Language) -> parts.ValueMap:
    return parts.ValueMap(
        options={
            value: parts.ValueMappingResult(text=words.in_language(language), index=number)
            for number, (value, words) in enumerate(names.items())
        }
    )


def _as_state(language: Language) -> list[parts.DynamicConfigValue]:
    """Return properties that show the number of a state as a symbol and word in its colour."""
    words = parts.ValueMap(
        options={
            str(number): parts.ValueMappingResult(
                text=state.text.in_language(language), color=state.colour, index=number
            )
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
    properties = [_set("unit", column.unit.in_language(language))]
    if column.unit in DECIMALS:
        properties.append(_set("decimals", DECIMALS[column.unit]))
    if column.states:
        properties.append(_set("mappings", [_map_words(column.states, language)]))
    if column.thresholds:
        properties += [_COLOURED, _set("thresholds", _thresholds(column.thresholds).build())]
    return properties


def _as_key(key: KeyColumn, context: Context) -> list[parts.DynamicConfigValue]:
    properties = [_set("noValue", board_text("no_name").in_language(context.language))]
    if key.names:
        properties.append(_set("mappings", [_map_words(key.names, context.language)]))
    if key.page:
        properties.append(_set("links", [_drill_down_link(key, context)]))
    return properties


def _drill_down_link(key: KeyColumn, context: Context) -> Mapping[str, object]:
    """Return a link to a page that keeps time range, data source and all variables but the clicked one."""
    variables = ("datasource", *(name for name in context.variables if name != key.label))
    state = "&".join(["${__url_time_range}", *(f"${{{name}:queryparam}}" for name in variables)])
    url = f"/d/{uid_of(key.page, context.language)}?{state}&var-{key.label}=${{__value.raw}}"
    return {"title": key.title.in_language(context.language), "url": url}


def uid_of(page: str, language: Language) -> str:
    """Return the uid of a page in Grafana, such as in /d/accueil-mail and /d/accueil-mail-en."""
    return f"accueil-{page}" + ("" if language == "fr" else f"-{language}")
