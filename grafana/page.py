"""A page: headings and panels, variables, and links to the other pages that keep time range and variables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as parts

from grafana.palette import ACTION
from grafana.panels import SOURCE, Context, Panel, uid_of
from grafana.promql import Scope
from grafana.texts import LANGUAGES, Language, LocalizedText, _, board_text, untranslated
from models.locale import C_

TAG: Final = "accueil"
WIDTH: Final = 24
_SOURCE_NAME: Final = _("Data source")
_OTHER_PAGES: Final = untranslated("Accueil")
_ALL: Final = _(C_("dashboard", "All"))
_VARIABLES: Final = {
    "channel": (_("Channel"), "contact_received_total"),
    "site": (untranslated("Site"), "contact_received_total"),
    "service": (board_text("service"), "contact_received_total"),
    "queue": (board_text("queue"), "contact_wait_seconds_count"),
    "policy": (_("Policy"), "contact_sla_policy_info"),
    "connector": (_("Connector"), "connector_events_published_total"),
}
"""Variable, named like its label → title, and the metric whose series have its values."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A dashboard."""

    name: str
    """Name of its file, and part of its URL."""
    title: LocalizedText
    description: LocalizedText
    scope: Scope
    parts: Sequence[LocalizedText | Panel]
    """Headings, each followed by its panels."""
    refresh: str = "30s"
    since: str = "now/d"
    """Start of the initial time range, which ends now."""

    def draw(self, language: Language) -> dashboard.Dashboard:
        """Return the dashboard in one language."""
        drawn = (
            dashboard.Dashboard(self.title.in_language(language))
            .uid(uid_of(self.name, language))
            .description(self.description.in_language(language))
            .tags([TAG, f"{TAG}-{language}"])
            .readonly()
            .refresh(self.refresh)
            .time(self.since, "now")
            .timezone("Europe/Paris")
            .week_start("monday")
            .tooltip(parts.DashboardCursorSync.CROSSHAIR)
            .annotation(_alerts(language))
            .with_variable(
                dashboard.DatasourceVariable("datasource").label(_SOURCE_NAME.in_language(language)).type("prometheus")
            )
        )
        for name in self.scope.variables:
            drawn.with_variable(_variable(name, language))
        for link in self._links(language):
            drawn.link(link)
        row = number = 0
        for part in self.parts:
            if isinstance(part, Panel):
                number += 1
                drawn.with_panel(part.draw(Context(number, language, self.scope.variables)))
            else:
                row += 100
                number = row
                drawn.with_row(dashboard.Row(part.in_language(language)).id(row))
        return drawn

    def _links(self, language: Language) -> list[dashboard.DashboardLink]:
        pages = (
            _link(_OTHER_PAGES.in_language(language))
            .type(parts.DashboardLinkType.DASHBOARDS)
            .tags([f"{TAG}-{language}"])
            .as_dropdown(as_dropdown=True)
        )
        others = [
            _link(board_text("other_language").in_language(language))
            .type(parts.DashboardLinkType.LINK)
            .url(f"/d/{uid_of(self.name, other)}")
            .icon("external link")
            for other in LANGUAGES
            if other != language
        ]
        return [pages, *others]


def encode(drawn: dashboard.Dashboard) -> str:
    """Return the JSON of a dashboard; equal dashboards give equal text."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(drawn.build()) + "\n"


def _variable(name: str, language: Language) -> dashboard.QueryVariable:
    """Return a variable that initially selects all values, including future ones."""
    label, metric = _VARIABLES[name]
    return (
        dashboard.QueryVariable(name)
        .label(label.in_language(language))
        .datasource(SOURCE)
        .query(f"label_values({metric}, {name})")
        .refresh(parts.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(parts.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(parts.VariableOption(selected=True, text=_ALL.in_language(language), value="$__all"))
    )


def _link(title: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).keep_time(keep_time=True).include_vars(include_vars=True)


def _alerts(language: Language) -> dashboard.AnnotationQuery:
    """Return annotations for the firing alerts (deploy/prometheus/rules)."""
    query = prometheus.Dataquery().expr('ALERTS{alertstate="firing"}').ref_id("Anno").datasource(SOURCE).range()
    return (
        dashboard.AnnotationQuery()
        .name(_("Alerts").in_language(language))
        .datasource(SOURCE)
        .target(query)
        .expr('ALERTS{alertstate="firing"}')
        .title_format("{{alertname}}")
        .text_format("{{service}} {{queue}} {{policy}}")
        .icon_color(ACTION.colour)
        .enable(enable=True)
    )
