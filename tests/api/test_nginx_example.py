"""The nginx example matches the API: host name, address and size limit."""

import re
from pathlib import Path

from starlette.testclient import TestClient

from streams.api.app import create_app
from streams.api.middleware import MAX_BYTES
from streams.settings.api import Api
from streams.web.http_server import answered_hosts
from tests.support.api_harness import ApiHarness

OPTIONS = Api()
EXAMPLE = (Path(__file__).parents[2] / "deploy" / "nginx-api.example.conf").read_text(encoding="utf-8")


def test_api_accepts_the_host_name_of_the_example(sqlite_api: ApiHarness) -> None:
    (name,) = re.findall(r"server_name (\S+);", EXAMPLE)
    (hosts,) = re.findall(r"hosts = \[\"(.*)\"\]", EXAMPLE)
    assert (hosts, f"https://{hosts}/") == (name, *re.findall(r'url = "(.*)"', EXAMPLE))
    app = create_app(sqlite_api.api, sqlite_api.registry, answered_hosts(OPTIONS.host, [hosts]))
    with TestClient(app) as client:
        assert client.get("/openapi.json", headers={"host": name}).status_code == 200
        assert client.get("/openapi.json", headers={"host": "other.example.org"}).status_code == 400


def test_example_has_default_address_and_size_limit() -> None:
    assert re.findall(r"proxy_pass\s+(\S+);", EXAMPLE) == [f"http://{OPTIONS.host}:{OPTIONS.port}"]
    assert re.findall(r"client_max_body_size (\d+)k;", EXAMPLE) == [str(MAX_BYTES // 1024)]
    lines = [line.strip() for line in EXAMPLE.splitlines() if not line.strip().startswith("#")]
    assert [line for line in lines if line and not line.endswith((";", "{", "}"))] == []
