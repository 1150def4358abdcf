"""Server of a list of forms, for tests of the connector `http`."""

from collections.abc import Iterator

import pytest

from tests.support.json_api import ApiSwitch, JsonApi, form, serving_switch


@pytest.fixture(scope="module")
def switch() -> Iterator[ApiSwitch]:
    with serving_switch() as switch:
        yield switch


@pytest.fixture
def api(request: pytest.FixtureRequest, switch: ApiSwitch) -> JsonApi:
    """Server with the authentication and pagination of the test's parameter, if it has one."""
    auth, paging = getattr(request, "param", ("", ""))
    api = JsonApi(auth, paging, records=[form(number) for number in range(1, 26)])
    switch.switch_to(api)
    return api
