import pytest
from starlette.requests import Request

from streams.web.preferences import find_language, find_theme


def ask(accepted: str = "", query: str = "", cookie: str = "") -> Request:
    headers = [(b"accept-language", accepted.encode()), (b"cookie", cookie.encode())]
    return Request({"type": "http", "headers": headers, "query_string": query.encode()})


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "fr"),
        ("*", "fr"),
        ("de-DE,de;q=0.9", "fr"),
        ("en", "en"),
        ("EN-gb", "en"),
        ("en-US,en;q=0.9", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("fr;q=0.3, en;q=0.7", "en"),
        ("de, en;q=0.5", "en"),
        ("en,fr", "en"),
        ("fr,en", "fr"),
        ("en;q=0", "fr"),
        ("en;q=0, fr;q=0", "fr"),
        ("eng, x-en", "fr"),
        ("en;q=nonsense,,;", "en"),
    ],
)
def test_language_of_the_browser_is_used(accepted: str, language: str) -> None:
    assert find_language(ask(accepted)) == language


def test_query_string_overrides_cookie_and_cookie_overrides_browser() -> None:
    assert find_language(ask("en", "lang=fr", "lang=en")) == "fr"
    assert find_language(ask("fr", "", "lang=en")) == "en"
    assert find_language(ask("en", "lang=xx", "lang=yy")) == "en"


def test_dark_theme_is_the_default() -> None:
    assert find_theme(ask()) == "dark"
    assert find_theme(ask(cookie="theme=light")) == "light"
    assert find_theme(ask(query="theme=dark", cookie="theme=light")) == "dark"
    assert find_theme(ask(query="theme=xx")) == "dark"
