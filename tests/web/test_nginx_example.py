"""Tests of the nginx example: host name, unbuffered stream and address of the board."""

import re
from dataclasses import replace
from pathlib import Path

import httpx

from streams.web.app import TICK_SECONDS
from streams.web.options import WebOptions
from tests.web.served import serving

EXAMPLE = (Path(__file__).parents[2] / "deploy" / "nginx.example.conf").read_text(encoding="utf-8")
DEADLINE_ROWS = [line.strip() for line in EXAMPLE.splitlines() if not line.strip().startswith("#")]
OPTIONS = WebOptions(brokers="")


def block(location: str) -> dict[str, str]:
    """Return the directives of one location."""
    text = "\n".join(DEADLINE_ROWS)
    found = re.search(rf"^location {re.escape(location)} {{\n(.*?)^}}", text, re.DOTALL | re.MULTILINE)
    assert found
    return dict(line.removesuffix(";").split(maxsplit=1) for line in found[1].splitlines())


def test_board_accepts_the_host_name_of_the_proxy() -> None:
    (name,) = re.findall(r"server_name (\S+);", EXAMPLE)
    (hosts,) = re.findall(r"hosts = \[\"(.*)\"\]", EXAMPLE)
    assert hosts == name
    with serving(replace(OPTIONS, hosts=(hosts,))) as served:
        for path in ("/", "/api/board", "/static/board.js"):
            assert httpx.get(f"{served.url}{path}", headers={"host": name}).status_code == 200
        refused = httpx.get(f"{served.url}/", headers={"host": "other.example.org"})
        assert (refused.status_code, refused.text) == (400, "this host name is not in web.hosts")


def test_proxy_uses_the_default_address_of_the_board() -> None:
    assert {block(location)["proxy_pass"] for location in ("/", "= /events")} == {
        f"http://{OPTIONS.host}:{OPTIONS.port}"
    }


def test_stream_is_unbuffered_and_within_the_timeout_of_the_proxy() -> None:
    stream = block("= /events")
    assert stream["proxy_buffering"] == stream["gzip"] == stream["proxy_cache"] == "off"
    assert int(stream["proxy_read_timeout"].removesuffix("s")) > 2 * TICK_SECONDS


def test_proxy_limits_the_connections_of_one_address() -> None:
    (zone,) = re.findall(r"^limit_conn_zone \$binary_remote_addr zone=(\w+):1m;$", EXAMPLE, re.MULTILINE)
    name, most = block("= /events")["limit_conn"].split()
    assert name == zone
    assert 1 < int(most) < OPTIONS.max_viewers


def test_proxy_passes_all_paths_of_the_page() -> None:
    """By `location /` or a location of its own, without responses, refusals or redirects of the proxy itself."""
    locations = re.findall(r"location (.+) {$", "\n".join(DEADLINE_ROWS), re.MULTILINE)
    assert "/" in locations
    assert [location for location in locations if "proxy_pass" not in block(location)] == []
    with serving(OPTIONS) as served:
        page = httpx.get(f"{served.url}/").text
        links = set(re.findall(r'(?:href|src)="(/[^"]*)"', page))
        assert links >= {"/metrics", "/api/board", "/static/board.js"}
        assert {link: httpx.get(served.url + link).status_code for link in links} == dict.fromkeys(links, 200)
