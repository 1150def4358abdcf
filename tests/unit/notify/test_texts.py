"""Texts of incidents: complete in both languages."""

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from models.timestamps import milliseconds
from streams.notify import texts
from streams.notify.incidents import BROKEN, Change, ChangeKind, Incident, fold, resolve
from streams.notify.options import PARIS
from streams.notify.store import Notice
from tests.support.sla_events import SlaClockStub


def notices() -> list[Notice]:
    """A warning, its end when the deadline passed, the breach, and its end."""
    clock, known, changes = SlaClockStub(), None, list[Change]()
    for event in (clock.at_risk(), clock.breached(), clock.met()):
        after = fold(known, event)
        assert after is not None
        known, new = resolve(known, after)
        changes += new
    return [Notice(one.what, one.incident) for one in changes]


FR = texts.IncidentFormatter("fr", PARIS, {"solidarites": "Solidarités"}, {("call", "siege", "700"): "RSA"})
EN = texts.IncidentFormatter("en", PARIS)


def incident_of(clock: SlaClockStub, known_after: timedelta = timedelta(0)) -> Incident:
    known = fold(None, clock.breached(recorded_at=clock.deadline_at + known_after))
    assert known is not None
    assert known.breach is not None
    return known.breach


def test_text_contains_all_facts_to_find_the_contact() -> None:
    incident = incident_of(SlaClockStub(17, labels={"target": 10, "unit": "working_days"}))
    notice = Notice(ChangeKind.STARTED, incident)
    assert FR.headline((notice,)) == (
        "Délai dépassé : Solidarités, démarche en ligne, première réponse sous 10 jours ouvrés"
    )
    assert FR.explain(notice, incident.deadline_at + 3_900_000).splitlines() == [
        "Service : Solidarités (site siege)",
        "Canal : démarche en ligne",
        "Délai : première réponse sous 10 jours ouvrés (règle demarches)",
        "Reçu le : 16/03/2026 03:00 CET",
        "Échéance : 16/03/2026 13:00 CET, dépassée de 1 h 05 min",
        "Contact : n° 17 dans demarches/essai",
        "Détail : accueil sla explain form:demarches/essai:17",
    ]
    assert EN.explain(notice, incident.deadline_at - 5 * 86_400_000).splitlines()[4:6] == [
        "Deadline: 2026-03-16 13:00 CET, in 5 d",
        "Contact: no. 17 in demarches/essai",
    ]


def test_waiting_caller_is_identified_by_queue_and_second() -> None:
    labels = {"target": 300, "unit": "elapsed", "queue": "700"}
    incident = incident_of(SlaClockStub(3, clock="answer", channel="call", labels=labels), timedelta(seconds=2))
    lines = FR.explain(Notice(ChangeKind.STARTED, incident), incident.known_at).splitlines()
    assert lines[0] == "Service : Solidarités (site siege, file RSA)"
    assert lines[2:5] == [
        "Délai : réponse sous 5 min (règle demarches)",
        "Attend depuis : 16/03/2026 03:00:00 CET",
        "Échéance : 16/03/2026 13:00:00 CET",
    ]
    assert FR.summarise(replace(incident, service="")) == "Délai dépassé : RSA, appel, réponse sous 5 min"


def test_incident_of_an_earlier_release_omits_unknown_facts() -> None:
    known = msgspec.to_builtins(incident_of(SlaClockStub(labels={"queue": "700"})))
    old = {name: value for name, value in known.items() if name not in {"target", "unit", "since", "known_at"}}
    incident = msgspec.convert(old | {"late": True}, Incident)
    lines = EN.explain(Notice(ChangeKind.STARTED, incident), incident.deadline_at).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "Service",
        "Channel",
        "Target",
        "Deadline",
        "Contact",
        "Details",
    ]
    assert lines[2] == "Target: first response (policy demarches)"


def test_ended_incident_shows_time_reason_and_delay() -> None:
    _, overtaken, broken, met = notices()
    assert overtaken.incident.end == BROKEN
    assert "Ended: the deadline passed, 2026-03-16 13:00 CET" in EN.explain(overtaken, 0).splitlines()
    assert "Terminé : c'est fait, 16/03/2026 13:05 CET, 5 min après l'échéance" in FR.explain(met, 0).splitlines()
    assert [EN.headline((one,)).split(",")[0] for one in (broken, met)] == [
        "Deadline passed: solidarites",
        "Ended: Deadline passed: solidarites",
    ]


def test_deadline_at_the_end_of_a_day_is_shown_as_that_day() -> None:
    incident = notices()[0].incident
    midnight = milliseconds(datetime(2026, 3, 17, tzinfo=PARIS))
    at_midnight = Notice(ChangeKind.STARTED, replace(incident, deadline_at=midnight))
    assert "Deadline: 2026-03-16" in EN.explain(at_midnight, midnight).splitlines()
    later = Notice(ChangeKind.STARTED, replace(incident, deadline_at=midnight + 60_000))
    assert "Échéance : 17/03/2026 00:01 CET" in FR.explain(later, midnight + 60_000).splitlines()


def test_digest_counts_each_kind_and_omits_empty_ones() -> None:
    warned, overtaken, broken, met = notices()
    assert EN.headline((warned, overtaken, broken, met)) == (
        "2 deadlines passed or near, 1 warning whose deadline passed, 1 incident ended"
    )
    assert FR.headline((met, met)) == "2 incidents terminés"
    assert {one.what for one in (overtaken, met)} == {ChangeKind.ENDED}
    assert FR.line(broken, broken.incident.deadline_at + 120_000).splitlines() == [
        "Délai dépassé : Solidarités, démarche en ligne, première réponse sous 10 s",
        "  Échéance : 16/03/2026 13:00 CET, dépassée de 2 min ; n° 1 dans demarches/essai",
    ]
