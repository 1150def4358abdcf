"""Purposes that each role may give for an access."""

from itertools import product
from typing import get_args

import pytest

from models.identities import IdentityKind
from models.locale import translate
from models.roles import Role
from streams.access.audit_records import PURPOSES, Purpose
from streams.access.concealment import conceal
from streams.access.permissions import CITIZEN_OPERATIONS, PERMISSIONS
from streams.api.problems import DETAILS
from streams.api.schemas import Why
from tests.support.api_harness import NUMBER, ApiHarness, call, token

API_PURPOSES: tuple[Purpose, ...] = get_args(get_args(Why)[0])


@pytest.mark.parametrize(("role", "purpose"), list(product(Role, API_PURPOSES)))
def test_role_may_give_only_its_purposes(sqlite_api: ApiHarness, role: Role, purpose: Purpose) -> None:
    caller = sqlite_api.pseudonym(IdentityKind.PHONE, NUMBER)
    sqlite_api.write(call("1", 0, caller))
    sqlite_api.add(token("sacha", role))
    me = sqlite_api.client.get("/v1/me", headers={"authorization": "Bearer sacha"}).json()
    assert me["purposes"] == [*PURPOSES[role]]
    for path, body in (
        ("/v1/look-up", {"kind": "phone", "value": NUMBER}),
        ("/v1/timeline", {"subject": caller}),
        ("/v1/contact", {"contact": "call:standard:1"}),
    ):
        answer = sqlite_api.post(path, "sacha", **body, purpose=purpose)
        may = purpose in PURPOSES[role]
        assert answer.status_code == (200 if may else 403)
        subject_id = body.get("contact", caller) if may else conceal(body.get("contact", caller), sqlite_api.api.secret)
        assert sqlite_api.recorded()[-1]["whose"] == subject_id
        if not may:
            why = "purpose" if PERMISSIONS[role] & CITIZEN_OPERATIONS else "role"
            assert answer.json()["detail"] == translate(DETAILS[why], "fr")
        record = sqlite_api.recorded()[-1]
        assert (record["who"], record["why"], record["result"]) == ("sacha", purpose, "shown" if may else "refused")
