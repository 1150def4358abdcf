"""`accueil config check` masks secrets in URLs and commands."""

from pathlib import Path

import pytest

from streams.settings.loader import MASK, describe, load, mask, mask_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://accueil:hush@db/accueil", f"postgresql+psycopg://accueil:{MASK}@db/accueil"),
        ("postgresql+psycopg://accueil@db/accueil", "postgresql+psycopg://accueil@db/accueil"),
        ("postgresql+psycopg://accueil:hu@sh:1@db/accueil", f"postgresql+psycopg://accueil:{MASK}@db/accueil"),
        ("postgresql+psycopg:///accueil?host=/run&password=hush", f"postgresql+psycopg:///accueil?{MASK}"),
        ("sqlite:////var/lib/accueil/timeline.db", "sqlite:////var/lib/accueil/timeline.db"),
        ("https://hush@example.org", f"https://example.org/{MASK}"),
        ("https://hooks.example.org/services/T01/hush", f"https://hooks.example.org/{MASK}"),
        ("https://example.org/?token=hush&site=nord", f"https://example.org/{MASK}"),
        ("https://example.org/#hush", f"https://example.org/{MASK}"),
        ("https://[hush", MASK),
        ("http://127.0.0.1:9093/", "http://127.0.0.1:9093/"),
    ],
)
def test_secrets_in_urls_are_masked(url: str, shown: str) -> None:
    assert mask_url(url) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example.org/v2/courriers", "https://api.example.org/v2/courriers"),
        ("https://hush@api.example.org/v2/?token=hush", f"https://{MASK}@api.example.org/v2/?{MASK}"),
        ("https://api.example.org/v2#hush", f"https://api.example.org/v2?{MASK}"),
        ("https://[hush", MASK),
        ("postgresql://accueil:hush@db/accueil", f"postgresql://accueil:{MASK}@db/accueil"),
    ],
)
def test_path_of_a_connector_is_shown(url: str, shown: str) -> None:
    assert mask_url(url, shows_path=True) == shown


def test_arguments_of_commands_are_masked() -> None:
    assert mask(["/usr/bin/pass", "show", "hush"], "token_command") == ["/usr/bin/pass", MASK]
    assert mask(["/usr/bin/pass"], "token_command") == ["/usr/bin/pass"]
    assert mask(["a", "https://u:hush@example.org/"], "hosts") == ["a", f"https://example.org/{MASK}"]


def test_describe_masks_all_secrets(tmp_path: Path) -> None:
    file = tmp_path / "accueil.toml"
    file.write_text(
        """
        [timeline]
        url = "postgresql+psycopg://accueil:hush@db/accueil?password=hush"
        [notify.webhooks.equipe]
        url = "https://chat.example.org/hooks/hushHUSH0123456789?token=hush"
        secret = "whsec_aHVzaGh1c2hodXNoaHVzaGh1c2hodXNoaHVzaA=="
        [connectors.boite]
        connector = "imap"
        host = "mail.example.org"
        username = "accueil@example.org"
        token_command = ["/usr/bin/oauth", "--secret", "hush"]
        [connectors.courrier]
        connector = "maarch"
        url = "https://maarch.example.org/rest"
        login = "accueil"
        password_file = "password"
        """
    )
    shown = {key: value for key, value, _ in describe(load(file), file)}
    assert "hush" not in repr(shown).lower()
    assert shown["connectors.boite.token_command"] == ["/usr/bin/oauth", MASK]
    assert shown["connectors.courrier.url"] == "https://maarch.example.org/rest"
    assert shown["connectors.courrier.password_file"] == "password"
    assert shown["timeline.url"].startswith("postgresql+psycopg://accueil:")
