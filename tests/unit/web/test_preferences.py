import pytest
from starlette.requests import Request

from streams.web.preferences import find_language


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
    headers = [(b"accept-language", accepted.encode())]
    assert find_language(Request({"type": "http", "headers": headers, "query_string": b""})) == language
