"""Signatures of webhooks, and other proofs of their sender."""

import hmac
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.sdk.webhook.signatures import SignatureError, StandardWebhooks, check_secret
from connectors.webhook.config import HmacOptions, ProxyOptions
from connectors.webhook.signatures import Credentials, HmacSignatures, TrustedProxies

SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
NOW = 1_614_265_330
BODY = b'{"test": 2432232314}'
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
WEBHOOKS = StandardWebhooks([SECRET])


def refused(headers: dict[str, str], body: bytes = BODY, now: float = NOW) -> bool:
    try:
        WEBHOOKS.verify(headers, body, now)
    except SignatureError:
        return True
    return False


def test_signature_of_the_official_library_is_verified() -> None:
    assert WEBHOOKS.verify(SIGNED, BODY, NOW) == SIGNED["webhook-id"]
    assert WEBHOOKS.sign(SIGNED["webhook-id"], NOW, BODY) == SIGNED


@given(st.sampled_from([*SIGNED, "body"]), st.integers(0, 10_000), st.integers(0, 7))
def test_flipped_bit_is_refused(where: str, index: int, bit: int) -> None:
    signed = {**SIGNED, "body": BODY.decode()}
    octets = bytearray(signed[where].encode())
    octets[index % len(octets)] ^= 1 << bit
    body = bytes(octets) if where == "body" else BODY
    headers = SIGNED if where == "body" else SIGNED | {where: octets.decode("latin-1")}
    assert refused(headers, body)


@given(st.dictionaries(st.sampled_from([*SIGNED]), st.text(st.characters(max_codepoint=255))), st.binary())
@settings(max_examples=300)
def test_unsigned_request_raises_only_signature_error(headers: dict[str, str], body: bytes) -> None:
    assert refused(headers, body)
    assert refused(SIGNED | {"webhook-signature": headers.get("webhook-signature", "")}, body)


@pytest.mark.parametrize("signature", ["v1", "v1,", "v1,?", "v1a,x v2,y", "", " ", ",", "v1," + "=" * 4])
def test_malformed_signatures_are_refused(signature: str) -> None:
    assert refused(SIGNED | {"webhook-signature": signature})


def test_one_valid_signature_among_several_is_enough() -> None:
    assert not refused(SIGNED | {"webhook-signature": f"v2,abc v1,AAAA {SIGNED['webhook-signature']}"})


@pytest.mark.parametrize(("off", "expected"), [(-300, False), (300, False), (-301, True), (301, True)])
def test_timestamp_may_differ_by_five_minutes(off: int, expected: bool) -> None:
    assert refused(SIGNED, now=NOW + off) is expected


@pytest.mark.parametrize("timestamp", ["", "1614265330.9", "١٦١٤٢٦٥٣٣٠", "nan", "-1", " 1614265330", "9" * 5_000])
def test_timestamp_consists_of_ascii_digits(timestamp: str) -> None:
    assert refused(SIGNED | {"webhook-timestamp": timestamp})


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "short", "whsec_" + b64encode(b"x" * 23).decode()])
def test_weak_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="24 random bytes") as refusal:
        check_secret(SecretStr(secret))
    assert len(secret) < 7 or secret not in str(refusal.value)


GITHUB = {
    "secret": "It's a Secret to Everybody",
    "header": "X-Hub-Signature-256",
    "prefix": "sha256=",
}
GITHUB_SIGNATURE = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
SLACK = {
    "secret": "8f742231b10e8888abcd99yyyzzz85a5",
    "header": "X-Slack-Signature",
    "prefix": "v0=",
    "timestamp": {"header": "X-Slack-Request-Timestamp", "signed_text": "v0:{timestamp}:{body}"},
}
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&"
    b"user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F"
    b"commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
    b"trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_HEADERS = {
    "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    "x-slack-request-timestamp": "1531420618",
}
STRIPE = {
    "secret": "whsec_clef-de-signature",
    "header": "Stripe-Signature",
    "prefix": "v1=",
    "timestamp": {"header": "Stripe-Signature", "prefix": "t="},
}


def is_accepted(options: dict[str, Any], headers: dict[str, str], body: bytes, now: float = NOW) -> bool:
    try:
        HmacSignatures(HmacOptions.model_validate(options)).verify(headers, body, now)
    except SignatureError:
        return False
    return True


def digest_of(text: bytes, algorithm: str = "sha256", secret: str = str(STRIPE["secret"])) -> bytes:
    return hmac.digest(secret.encode(), text, algorithm)


def test_examples_of_the_documentation_of_github_and_slack_are_accepted() -> None:
    for signature in (GITHUB_SIGNATURE, GITHUB_SIGNATURE.upper()):
        assert is_accepted(GITHUB, {"x-hub-signature-256": f"sha256={signature}"}, b"Hello, World!")
    assert is_accepted(SLACK, SLACK_HEADERS, SLACK_BODY, 1_531_420_618)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_algorithm_and_encoding_must_be_right(algorithm: str, encoding: str) -> None:
    digest = digest_of(BODY, algorithm)
    header = digest.hex() if encoding == "hex" else b64encode(digest).decode()
    plain = {"secret": STRIPE["secret"], "header": "X-Signature"}
    for options in (
        plain | {"algorithm": one, "encoding": other} for one in ("sha256", "sha512") for other in ("hex", "base64")
    ):
        is_right = (options["algorithm"], options["encoding"]) == (algorithm, encoding)
        assert is_accepted(options, {"x-signature": header}, BODY) is is_right


@pytest.mark.parametrize("time", [str(NOW), str(NOW * 1000), "2021-02-25T15:02:10Z", "2021-02-25T16:02:10+01:00"])
@pytest.mark.parametrize(("off", "expected"), [(0, True), (-300, True), (300, True), (-301, False), (301, False)])
def test_time_in_the_signature_may_differ_by_the_tolerance(time: str, off: int, expected: bool) -> None:
    signature = digest_of(f"{time}.".encode() + BODY).hex()
    headers = {"stripe-signature": f"t={time}, v0=ab,v1=00,v1={signature}"}
    assert is_accepted(STRIPE, headers, BODY, NOW + off) is expected
    later = {"stripe-signature": f"t={NOW + off},v1={signature}"}
    assert is_accepted(STRIPE, later, BODY, NOW + off) is (time == str(NOW + off)), "the time is signed"


@pytest.mark.parametrize(
    "time", ["", "nan", "-1", "1614265330.5", "١٦١٤٢٦٥٣٣٠", "9" * 14, "9" * 5_000, "2021-02-25T15:02:10"]
)
def test_time_without_a_zone_or_of_another_form_is_refused(time: str) -> None:
    signature = digest_of(f"{time}.".encode() + BODY).hex()
    assert not is_accepted(STRIPE, {"stripe-signature": f"t={time},v1={signature}"}, BODY)


@pytest.mark.parametrize(
    "header", ["", "sha256=", GITHUB_SIGNATURE, f"sha1={GITHUB_SIGNATURE}", f"sha256={GITHUB_SIGNATURE}0", "é"]
)
def test_signature_without_its_prefix_or_with_another_length_is_refused(header: str) -> None:
    assert not is_accepted(GITHUB, {"x-hub-signature-256": header}, b"Hello, World!")
    assert not is_accepted(GITHUB, {}, b"Hello, World!")


@given(st.sampled_from([*SLACK_HEADERS, "body"]), st.integers(0, 10_000), st.integers(0, 7))
@example("x-slack-signature", 0, 5)
def test_flipped_bit_of_a_signed_request_is_refused(where: str, index: int, bit: int) -> None:
    signed = {**SLACK_HEADERS, "body": SLACK_BODY.decode()}
    octets = bytearray(signed[where].encode())
    index %= len(octets)
    octets[index] ^= 1 << bit
    headers = SLACK_HEADERS | ({} if where == "body" else {where: octets.decode("latin-1")})
    # Letters of hexadecimal digits may be capitals, those of the prefix not.
    is_digit = where == "x-slack-signature" and index >= len("v0=")
    is_capital = is_digit and bit == 5 and octets.decode("latin-1").lower() == signed[where]
    assert is_accepted(SLACK, headers, bytes(octets) if where == "body" else SLACK_BODY, 1_531_420_618) is is_capital


def test_previous_secret_is_accepted() -> None:
    options = {**GITHUB, "secret": "another secret of the sender", "previous_secret": GITHUB["secret"]}
    assert is_accepted(options, {"x-hub-signature-256": f"sha256={GITHUB_SIGNATURE}"}, b"Hello, World!")


@given(
    st.dictionaries(st.sampled_from([*SLACK_HEADERS, "authorization"]), st.text(st.characters(max_codepoint=255))),
    st.binary(),
)
@settings(max_examples=300)
def test_unproven_request_raises_only_signature_error(headers: dict[str, str], body: bytes) -> None:
    assert not is_accepted(SLACK, headers, body)
    assert not is_accepted(STRIPE, {"stripe-signature": ",".join(headers.values())}, body)
    for scheme, credentials in (("Basic", "YWNjdWVpbDpjbGVm"), ("Bearer", "clef")):
        with pytest.raises(SignatureError) as refusal:
            Credentials(scheme, [credentials], scheme).verify(headers, body, NOW)
        assert refusal.value.challenge == scheme


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        *(("192.0.2.10", True), ("::ffff:192.0.2.10", True), ("2001:db8::1", True), ("2001:0db8:0:0::1", True)),
        *(
            ("192.0.2.11", False),
            ("2001:db8::2", False),
            ("", False),
            ("proxy", False),
            ("192.0.2.10, 10.0.0.1", False),
        ),
    ],
)
def test_only_addresses_of_proxies_are_admitted(peer: str, expected: bool) -> None:
    options = ProxyOptions.model_validate({"trusted_proxies": ["192.0.2.10", "2001:DB8::1"]})
    assert TrustedProxies(options).admits(peer) is expected
