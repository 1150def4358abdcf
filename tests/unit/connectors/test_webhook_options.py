"""Errors in the options of posting commands: one line, without the secret."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from connectors.webhook.simulate import command

GOOD = "whsec_dW4tc2VjcmV0LWludmVudMOpLXBvdXItbGVzLXRlc3Rz"


@pytest.mark.parametrize(
    ("url", "secret", "message"),
    [
        ("ftp://127.0.0.1/", GOOD, "'--url': must be http://… or https://…"),
        ("http://[", GOOD, "'--url': must be http://… or https://…"),
        ("http://127.0.0.1:1/", "whsec_bm90aGluZw", "'--secret-file': secret must be whsec_ and 24 random bytes"),
        ("http://127.0.0.1:1/", "whsec_n!", "'--secret-file': secret must be whsec_ and 24 random bytes"),
        ("http://127.0.0.1:1/", "", "'--secret-file': secret is not there: is the path right?"),
    ],
)
def test_error_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, secret: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C")
    if secret:
        Path("secret").write_text(secret)
    done = CliRunner().invoke(command, ["--url", url, "--secret-file", "secret"])
    assert done.exit_code == 2
    assert message in done.output
    assert not secret or secret not in done.output
