"""References in survey links, and mapping of a survey tool's messages."""

import json
import re
import string
import tomllib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

import connectors.survey as survey
from connectors.sdk.config import parse
from connectors.sdk.contract import Reject
from connectors.sdk.errors import ConfigError
from connectors.sdk.webhook.intake import Message
from connectors.survey.config import SurveyConfig
from connectors.survey.mapping import SurveyMapping
from connectors.survey.reference import ContactReferences
from connectors.survey.reference_command import command
from models.codec import UnusableRecord
from models.events import Event, FeedbackScale
from models.identities import PseudonymKey
from models.reasons import Reason
from tests.support.mapping_properties import json_values
from tests.support.surveys import (
    BEGIN,
    CALL,
    FOREIGN,
    OPTIONS,
    REFERENCE_SECRET,
    REFERENCES,
    answer,
    invitation,
)
from tests.support.webhooks import OTHER_SECRET, SECRET

NOW = datetime(2026, 3, 17, tzinfo=UTC)
KEY = PseudonymKey("general", b"k" * 32)
DOSSIER = "form:demarches/social:123456"
SCORE_PATH = "data.data.satisfaction"


def configure(**options: Any) -> SurveyConfig:
    config = parse(SurveyConfig, "essai", OPTIONS | options)
    assert isinstance(config, SurveyConfig)
    return config


def map_one(body: bytes, name: str = "msg_1", **options: Any) -> Event:
    outcome = SurveyMapping("survey/essai", configure(**options), KEY).map(Message(name, body, NOW))
    (event,) = outcome  # type: ignore[misc]
    return event


def rejection(body: bytes, **options: Any) -> tuple[Reason, str]:
    with pytest.raises(UnusableRecord) as refusal:
        map_one(body, **options)
    return refusal.value.reason, refusal.value.detail


def test_answer_is_linked_to_the_contact_of_its_reference() -> None:
    event = map_one(answer("clresponse1", 5, 4, REFERENCES.make(CALL), commentaire="j'ai attendu"))
    assert (event.type, event.subject, event.channel) == ("feedback.given", CALL, "feedback")
    assert event.sector == "", "the call keeps its own sector"
    assert event.time == BEGIN + timedelta(minutes=5)
    assert event.model_dump()["data"] == {"scale": "csat_1_5", "score": 4}
    invited = map_one(invitation("clinvitation1", 1, REFERENCES.make(CALL)))
    assert (invited.type, invited.subject) == ("feedback.invited", CALL)


def test_answer_without_a_reference_has_its_own_contact() -> None:
    event = map_one(answer("cljwy2m8r0001qhclco1godnu", 5, 4))
    assert event.subject.startswith("feedback:survey/essai:contact-")
    assert event.sector == "general"
    assert "cljwy2m8r" not in event.subject
    assert map_one(answer("42", 5, 4)).subject == "feedback:survey/essai:42"


@pytest.mark.parametrize(
    "reference",
    [
        FOREIGN.make(CALL),
        CALL,
        REFERENCES.make(CALL)[:-1],
        "A" + REFERENCES.make(CALL)[1:],
        REFERENCES.make(CALL) + "AAAA",
        "é",
        "=",
        "A",
    ],
)
def test_forged_reference_is_rejected(reference: str) -> None:
    assert rejection(answer("1", 5, 4, reference)) == (Reason.INVALID_FIELD, "data.data.ref: not a valid reference")


def test_reference_reveals_nothing_and_is_deterministic() -> None:
    reference = REFERENCES.make(DOSSIER)
    assert reference == ContactReferences([SecretStr(REFERENCE_SECRET)]).make(DOSSIER)
    assert set(reference) <= {*string.ascii_letters, *string.digits, "-", "_"}
    assert "123456" not in reference
    assert reference != REFERENCES.make(DOSSIER[:-1] + "7")


def test_reference_of_the_longest_contact_id_is_accepted() -> None:
    longest = f"{CALL:0<200}"
    assert map_one(answer("1", 5, 4, REFERENCES.make(longest))).subject == longest


def test_references_of_the_previous_secret_are_accepted() -> None:
    old = ContactReferences([SecretStr(OTHER_SECRET)]).make(CALL)
    assert map_one(answer("1", 5, 4, old), previous_reference_secret=OTHER_SECRET).subject == CALL


@pytest.mark.parametrize(
    "contact", ["", "call", "agent:asterisk/siege:7", "feedback:jdma/x:1", "call:a:b c", "call::1", f"{CALL:0<201}"]
)
def test_only_contacts_have_references(contact: str) -> None:
    with pytest.raises(ValueError, match="not the id of a contact"):
        REFERENCES.make(contact)


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_arbitrary_text_is_not_a_reference(text: str) -> None:
    with pytest.raises(ValueError, match=r"forged|codec|base64|padding"):
        REFERENCES.read(text)


@pytest.mark.parametrize("scale", FeedbackScale)
def test_scores_are_whole_numbers_on_their_scale(scale: FeedbackScale) -> None:
    low, high = scale.scores[0], scale.scores[-1]
    types = {"responseFinished": OPTIONS["types"]["responseFinished"] | {"scores": {scale.value: SCORE_PATH}}}
    for score in (low, high, float(low), str(high)):
        event = map_one(answer("1", 5, score), types=types)
        assert event.model_dump()["data"] == {"scale": scale, "score": int(float(score))}
    for score in (low - 1, high + 1, low + 0.5, "très bien", True, "nan", 1e300, 10**400):
        expected = Reason.INVALID_FIELD, f"{SCORE_PATH}: not a score on {scale}"
        assert rejection(answer("1", 5, score), types=types) == expected


def test_answer_can_have_several_scores() -> None:
    scores = {"csat_1_5": SCORE_PATH, "nps_0_10": "data.data.recommandation"}
    config = configure(types={"responseFinished": OPTIONS["types"]["responseFinished"] | {"scores": scores}})
    mapping = SurveyMapping("survey/essai", config, KEY)

    def scores_of(**answers: Any) -> dict[str, tuple[str, int]]:
        outcome = mapping.map(
            Message("m", answer("r", 5, answers.pop("satisfaction", None), REFERENCES.make(CALL), **answers), NOW)
        )
        assert not isinstance(outcome, Reject)
        assert {event.subject for event in outcome} == {CALL}
        data = [(event.id, event.model_dump()["data"]) for event in outcome]
        return {score["scale"]: (name, score["score"]) for name, score in data}

    both = scores_of(satisfaction=4, recommandation=9)
    assert {scale: score for scale, (_, score) in both.items()} == {"csat_1_5": 4, "nps_0_10": 9}
    assert len({name for name, _ in both.values()}) == 2
    assert scores_of(recommandation=9) == {"nps_0_10": both["nps_0_10"]}, "an answer with a skipped question counts"


def test_answer_without_a_score_is_rejected() -> None:
    assert rejection(answer("1", 5, None)) == (Reason.MISSING_FIELD, SCORE_PATH)


def test_repeated_answer_counts_once_and_a_new_answer_counts_again() -> None:
    first = map_one(answer("r", 5, 4), "msg_1")
    assert first.id == map_one(answer("r", 5, 4), "msg_2").id
    later = map_one(answer("r", 9, 2), "msg_3")
    assert (later.id != first.id, later.subject) == (True, first.subject)
    assert first.id != map_one(answer("s", 5, 4)).id


JSON = json_values()
ANSWERS = st.fixed_dictionaries({}, optional={"satisfaction": st.integers(-1, 6) | JSON, "ref": JSON})
DATA = st.fixed_dictionaries(
    {}, optional={"id": JSON, "updatedAt": st.just("2026-03-16T08:00:00Z") | JSON, "data": ANSWERS}
)


@given(st.fixed_dictionaries({}, optional={"event": st.just("responseFinished") | JSON, "data": DATA | JSON}))
@settings(max_examples=400, deadline=None)
def test_any_message_is_an_event_or_unusable(message: Any) -> None:
    mapping = SurveyMapping("survey/essai", configure(), KEY)
    with suppress(UnusableRecord):
        outcome = mapping.map(Message("msg_1", json.dumps(message).encode(), NOW))
        assert all(event.type == "feedback.given" for event in outcome)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "message_text"),
    [
        ({"event": "feedback.given"}, "feedback.given needs scores"),
        ({"event": "feedback.invited", "scores": {"nps_0_10": "s"}}, "feedback.invited has no scores"),
        ({"event": "visit.arrived"}, "must be 'feedback.invited' or 'feedback.given'"),
        ({"event": "feedback.given", "scores": {"csat": "s"}}, "csat_1_5"),
    ],
)
def test_errors_in_a_message_type_are_reported(kind: dict[str, Any], message_text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message_text)):
        configure(types={"x": {"id": "id", **kind}})


@pytest.mark.parametrize("readme", ["README.md", "README.fr.md"])
def test_example_of_the_readme_is_mapped(readme: str) -> None:
    text = Path(survey.__file__).with_name(readme).read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    options = tomllib.loads(example)["connectors"]["enquetes"]
    options = {name: option for name, option in options.items() if name in {"type", "ignored", "types"}}
    assert map_one(answer("r", 5, 4, REFERENCES.make(CALL)), **options).subject == CALL
    assert map_one(invitation("i", 5, REFERENCES.make(CALL)), **options).subject == CALL


def test_command_prints_references(tmp_path: Path) -> None:
    secret = tmp_path / "reference.secret"
    secret.write_text(REFERENCE_SECRET + "\n")

    def run(*contacts: str, stdin: str = "", path: Path = secret) -> tuple[int, str]:
        result = CliRunner().invoke(command, ["--secret-file", str(path), *contacts], input=stdin)
        return result.exit_code, result.output

    references = f"{REFERENCES.make(CALL)}\n{REFERENCES.make(DOSSIER)}\n"
    assert run(CALL, DOSSIER) == run(stdin=f"{CALL}\n{DOSSIER}\n") == (0, references)
    code, output = run("06 39 98 55 11")
    assert (code, "06 39" in output) == (1, False)
    secret.write_text(SECRET[:20])
    code, output = run(CALL)
    assert (code, SECRET[:20] in output) == (2, False)
    assert run(CALL, path=tmp_path / "none")[0] == 2
