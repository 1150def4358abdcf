"""Page "Courrier": letters from arrival to answer, and letters sent with their postage."""

from typing import Final

from grafana.page import Page
from grafana.panels import (
    DAY,
    DAYS,
    EUROS,
    HOUR,
    HOURS,
    BarGaugePanel,
    Column,
    HeatmapPanel,
    KeyColumn,
    Query,
    StatPanel,
    TablePanel,
    TimeSeriesPanel,
)
from grafana.promql import Scope
from grafana.shared_panels import OVERDUE_THRESHOLDS
from grafana.texts import BACKLOG_STATES, LocalizedText, ValueNames, _, board_text, untranslated
from models.locale import C_

SCOPE: Final = Scope("site", "service")
_MAIL: Final = 'channel="mail"'
POSTAGE: Final[ValueNames] = {
    "lettre_verte": untranslated("Lettre verte"),
    "lettre_services_plus": untranslated("Lettre services plus"),
    "lettre_en_ligne": untranslated("Lettre en ligne"),
    "lettre_recommandee": _("Registered"),
    "lettre_recommandee_avec_avis": _("Registered, with receipt"),
    "economique": _("Economy"),
}
POST_CLASSES: Final[ValueNames] = {
    **POSTAGE,
    "courrier_ordinaire": _("Ordinary mail"),
    "colis": _("Parcels"),
    "presse": _("Press"),
    "autre": _(C_("dashboard", "Other")),
}
STEPS: Final[ValueNames] = {
    "scan": _("Scan"),
    "registration": _("Registration"),
    "assignment": _("Assignment"),
    "acknowledgement": board_text("clock_acknowledge"),
    "first_response": board_text("clock_first_response"),
    "resolution": board_text("clock_resolution"),
}


def _today(title: LocalizedText, flow: str) -> StatPanel:
    return StatPanel(
        title=title,
        description=_('Since midnight, exact: contact_today_items{{flow="{flow}"}}.', flow=flow),
        query=SCOPE.today(flow, _MAIL),
        width=4,
    )


def _postage(title: LocalizedText, by: str, names: ValueNames | None = None) -> BarGaugePanel:
    spent, corrected = (
        SCOPE.increase(f"contact_postage_{counter}_total", by=by) for counter in ("euros", "corrected_euros")
    )
    return BarGaugePanel(
        title=title,
        description=_(
            "Euros of postage in the time range, without corrected counts: contact_postage_euros_total −"
            " contact_postage_corrected_euros_total."
        ),
        unit=EUROS,
        queries=(Query(f"{spent}\n-\n{corrected}"),),
        by=by,
        names=names,
    )


def _counted_post(title: LocalizedText, direction: str) -> BarGaugePanel:
    return BarGaugePanel(
        title=title,
        description=_(
            "Items of post counted in total by a franking machine or a mailroom, by class, over the time range: post_items_total."
        ),
        queries=(Query(SCOPE.increase("post_items_total", f'direction="{direction}"', by="class")),),
        by="class",
        names=POST_CLASSES,
        height=10,
    )


def _post_column(title: LocalizedText, direction: str) -> Column:
    return Column(title, SCOPE.increase("post_items_total", f'direction="{direction}"', by="service"))


PAGE: Final = Page(
    name="mail",
    title=board_text("channel_mail"),
    description=_("Letters: from arrival to registration, assignment and answer; letters sent, and their postage."),
    scope=SCOPE,
    since="now-7d",
    parts=(
        board_text("today"),
        _today(board_text("received"), "received"),
        _today(_(C_("mail", "Registered")), "registered"),
        _today(_("Assigned"), "assigned"),
        _today(board_text("answered"), "answered"),
        _today(board_text("closed"), "closed"),
        _today(_("Sent"), "sent"),
        _("Backlog"),
        BarGaugePanel(
            title=_("Open, by state"),
            description=_("Letters open now, by state: contact_backlog_items."),
            queries=(Query(SCOPE.gauge_sum("contact_backlog_items", _MAIL, by="state")),),
            by="state",
            names=BACKLOG_STATES,
        ),
        TimeSeriesPanel(
            title=_("To do"),
            description=_("Letters not taken up yet, and letters in progress: contact_backlog_items."),
            queries=(Query(SCOPE.gauge_sum("contact_backlog_items", _MAIL, by="state")),),
            by="state",
            names=BACKLOG_STATES,
            width=16,
        ),
        TablePanel(
            title=board_text("services"),
            description=_(
                "To do, overdue: now. Oldest: now − arrival, in days, and in opening hours. Registration,"
                " first answer: sum of delays ÷ number, over the time range, in days."
            ),
            keys=(KeyColumn("service", board_text("service"), page="channel"),),
            columns=(
                Column(
                    board_text("to_do"),
                    SCOPE.gauge_sum("contact_backlog_items", _MAIL, 'state="waiting"', by="service"),
                ),
                Column(
                    board_text("oldest"),
                    f"{SCOPE.age('contact_oldest_item_timestamp_seconds', _MAIL, by='service')} / {DAY}",
                    DAYS,
                ),
                Column(
                    _("Oldest, opening hours"),
                    f"max by (service) ({SCOPE.select('contact_oldest_item_business_age_seconds', _MAIL)}) / {HOUR}",
                    HOURS,
                ),
                Column(
                    STEPS["registration"], f"{SCOPE.mean('contact_registration_seconds', by='service')} / {DAY}", DAYS
                ),
                Column(
                    STEPS["first_response"],
                    f"{SCOPE.mean('contact_first_response_seconds', _MAIL, by='service')} / {DAY}",
                    DAYS,
                ),
                Column(
                    board_text("overdue"),
                    SCOPE.gauge_sum("contact_sla_open_items", _MAIL, 'state="overdue"', by="service"),
                    thresholds=OVERDUE_THRESHOLDS,
                ),
            ),
        ),
        _("Delays since arrival"),
        BarGaugePanel(
            title=_("Mean delay today, by step"),
            description=_(
                "Sum of delays since arrival ÷ number, exact since midnight: contact_today_duration_seconds."
            ),
            unit=DAYS,
            queries=[Query(f"{SCOPE.mean_today(step, _MAIL)} / {DAY}", words) for step, words in STEPS.items()],
            width=12,
        ),
        HeatmapPanel(
            title=_("Registration"),
            description=_(
                "From arrival to the number in the register: increase of the buckets of contact_registration_seconds."
            ),
            query=SCOPE.buckets("contact_registration_seconds"),
        ),
        HeatmapPanel(
            title=_("Assignment"),
            description=_(
                "From arrival to the assignment to a service: increase of the buckets of contact_assignment_seconds."
            ),
            query=SCOPE.buckets("contact_assignment_seconds", _MAIL),
        ),
        HeatmapPanel(
            title=board_text("clock_first_response"),
            description=_(
                "From arrival to the first personal answer: increase of the buckets of contact_first_response_seconds."
            ),
            query=SCOPE.buckets("contact_first_response_seconds", _MAIL),
        ),
        _(C_("mail", "Letters sent")),
        BarGaugePanel(
            title=_("Sent, by postage"),
            description=_("Letters sent in the time range, by class: contact_sent_total."),
            queries=(Query(SCOPE.increase("contact_sent_total", by="postage")),),
            by="postage",
            names=POSTAGE,
        ),
        _postage(_("Postage, by class"), "postage", POSTAGE),
        _postage(_("Postage, by service"), "service"),
        _("Post counted in total"),
        _counted_post(_("Outgoing items, by class"), "outgoing"),
        _counted_post(_("Incoming items, by class"), "incoming"),
        BarGaugePanel(
            title=_("Cost of counted post, by class"),
            description=_("Euros of postage of these items, over the time range: post_cost_euros_total."),
            unit=EUROS,
            queries=(Query(SCOPE.increase("post_cost_euros_total", by="class")),),
            by="class",
            names=POST_CLASSES,
            height=10,
        ),
        TablePanel(
            title=_("Counted post, by service"),
            description=_(
                "Items of post counted in total and their postage, over the time range: post_items_total, post_cost_euros_total."
            ),
            keys=(KeyColumn("service", board_text("service"), page="channel"),),
            columns=(
                _post_column(_("Outgoing items"), "outgoing"),
                _post_column(_("Incoming items"), "incoming"),
                Column(_("Postage"), SCOPE.increase("post_cost_euros_total", by="service"), EUROS),
            ),
        ),
    ),
)
