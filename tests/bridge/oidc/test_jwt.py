"""bridge/oidc/jwt.py: what is signed by the provider's key, for us, and good now, and nothing else."""

import hmac
import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bridge.oidc.jwt import BadTokenError, claims_of, keys_of, looks_so, take_apart
from tests.bridge.oidc.provider import (
    AUDIENCE,
    ISSUER,
    NOW,
    RSA,
    Token,
    ec_jwk,
    encoded,
    key_set,
    number,
    rsa_jwk,
)

KEYS = keys_of(key_set())


def read(token: str) -> Any:
    """What it says to us, with the provider's keys."""
    parts = take_apart(token)
    key = KEYS.get((parts.kid, parts.algorithm))
    if key is None:
        raise BadTokenError
    return claims_of(parts, key, issuer=ISSUER, audience=AUDIENCE, now=NOW)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("audience", [AUDIENCE, ["account", AUDIENCE]])
def test_a_good_token_is_read(algorithm: str, audience: Any) -> None:
    """Of both algorithms; for us alone or among others."""
    claims = read(str(Token(algorithm, claims={"aud": audience})))
    assert (claims["sub"], claims["matrix_user_id"]) == ("4711", "@portal_lucia:p")


def test_what_else_a_provider_says_in_the_header_is_no_harm() -> None:
    """Some have parameters of their own (RFC 7515, section 4: what isn't understood is ignored)."""
    for header in ({"nonce": "x"}, {"tenant": {"id": 1}}, {"x5t": "x"}):
        assert read(str(Token(header=header)))["sub"] == "4711"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://idp.portal.example/realms/pacientes/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "account"},
        {"aud": None},
        {"aud": []},
        {"aud": {AUDIENCE: 1}},
        {"aud": AUDIENCE + "x"},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": NOW.timestamp() + 60},
        {"nbf": "now"},
    ],
)
def test_another_says_nothing_to_us(claims: dict[str, Any]) -> None:
    """Another issuer, another audience, not yet good, or without an end."""
    with pytest.raises(BadTokenError) as refused:
        read(str(Token(claims=claims)))
    assert not refused.value.is_expired


def test_it_ends() -> None:
    """Half a minute later at most, since clocks differ."""
    for late_s in (0, 29):
        assert read(str(Token(claims={"exp": NOW.timestamp() - late_s, "nbf": NOW.timestamp() + late_s})))
    with pytest.raises(BadTokenError) as refused:
        read(str(Token(claims={"exp": NOW.timestamp() - 30})))
    assert refused.value.is_expired


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "rs256"},
        {"alg": ["RS256"]},
        {"alg": None},
        {"kid": None},
        {"kid": 5},
        {"kid": "unknown"},
        {"alg": "ES256"},
        {"kid": "e"},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
    ],
)
def test_a_token_does_not_choose_how_it_is_verified(header: dict[str, Any]) -> None:
    """Neither another algorithm, nor the key of another, nor what we don't understand."""
    with pytest.raises(BadTokenError):
        read(str(Token(header=header)))


def test_a_public_key_is_no_secret() -> None:
    """The old confusion: HMAC with the provider's public key."""
    head = encoded(json.dumps({"alg": "HS256", "kid": "r"}).encode())
    body = str(Token()).split(".")[1]
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = hmac.new(pem, f"{head}.{body}".encode(), sha256).digest()
    with pytest.raises(BadTokenError):
        read(f"{head}.{body}.{encoded(forged)}")


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_what_was_changed_is_refused(algorithm: str) -> None:
    """Another body, another signature, none, a long or a null one."""
    head, body, signature = str(Token(algorithm)).split(".")
    other = str(Token(algorithm, claims={"matrix_user_id": "@portal_juan:p"})).split(".")
    for forged in (
        f"{head}.{other[1]}.{signature}",
        f"{head}.{body}.{other[2]}",
        f"{head}.{body}.{signature}AAAA",
        f"{head}.{body}.{encoded(bytes(64))}",
        f"{head}.{body}.{encoded(bytes(256))}",
        f"{head}.{body}.{encoded(b'x')}",
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}.{body}.{signature}.",
        f"{head}.{body}.{signature}=",
        f" {head}.{body}.{signature}",
        f"{encoded(b'[]')}.{body}.{signature}",
        f"{encoded(b'[' * 3000)}.{body}.{signature}",
        f"{head}.{encoded(b'nope')}.{signature}",
        f"{head}.{encoded(b'x' * 9000)}.{signature}",
    ):
        with pytest.raises(BadTokenError):
            read(forged)


@given(st.text(alphabet="eyJhbGci.-_=1A", max_size=60))
def test_whatever_comes_is_refused(token: str) -> None:
    """And nothing else goes wrong."""
    with pytest.raises(BadTokenError):
        read(token)


def test_keys_and_sessions_of_ours_look_otherwise() -> None:
    """So both kinds of credentials stand side by side."""
    assert looks_so(str(Token()))
    assert not looks_so("vc_0011223344556677_" + "x" * 43)
    assert not looks_so("vs_" + "x" * 43)


def test_only_keys_that_we_can_use_are_kept() -> None:
    """What else is in the set hides none of them."""
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 it is refused
    others = (
        None,
        5,
        {},
        {"kty": "oct", "kid": "o", "k": "AAAA"},
        rsa_jwk(short, kid="short"),
        rsa_jwk(kid="enc", use="enc"),
        rsa_jwk(kid="pss", alg="PS256"),
        rsa_jwk(kid=None),
        rsa_jwk(kid="broken", n="!"),
        ec_jwk(kid="off", y=number(5)),
        ec_jwk(kid="curve", crv="P-384"),
    )
    assert keys_of(key_set(*others, rsa_jwk(), ec_jwk())).keys() == {("r", "RS256"), ("e", "ES256")}
    for nothing in (b"", b"[]", b"{}", b'{"keys": 5}', key_set(*others), b"[" * 100_000):
        with pytest.raises(ValueError, match="key"):
            keys_of(nothing)


def test_a_token_of_another_time_is_read_then() -> None:
    """`now` is an argument."""
    later = NOW + timedelta(days=1)
    parts = take_apart(str(Token(now=later)))
    assert claims_of(parts, KEYS["r", "RS256"], issuer=ISSUER, audience=AUDIENCE, now=later)
