"""Signed tokens (RFC 7519, in the compact form of RFC 7515), of two algorithms: RS256 and ES256 (RFC 7518).

A key belongs to one algorithm from the moment that it is read, so no token chooses how it is verified.
"""

import json
import math
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

ALGORITHMS = ("RS256", "ES256")
_LONGEST = 8192
_PARTS = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}")
_SHORTEST_RSA_BITS = 2048
_COORDINATE_BYTES = 32
_LEEWAY_S = 30
"""How far the provider's clock may be from ours."""

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Keys = Mapping[tuple[str, str], PublicKey]
"""By `kid` and algorithm."""


class BadTokenError(Exception):
    """The token says nothing that we believe; `is_expired` when it did once."""

    def __init__(self, *, is_expired: bool = False) -> None:
        super().__init__()
        self.is_expired = is_expired


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token that was taken apart. Nothing in it is believed yet."""

    kid: str
    algorithm: str
    signed: bytes
    signature: bytes
    claims: Mapping[str, Any]


def looks_so(token: str) -> bool:
    """Whether this is such a token, rather than a key or a session of ours."""
    return _PARTS.fullmatch(token) is not None


def take_apart(token: str) -> Unverified:
    """The parts of a token. Raises BadTokenError."""
    if len(token) > _LONGEST or not looks_so(token):
        raise BadTokenError
    head, body, signature = token.split(".")
    header, claims = _object(head), _object(body)
    kid, algorithm = header.get("kid"), header.get("alg")
    # `crit` names what has to be understood, and we understand nothing more (RFC 7515, 4.1.11).
    if not isinstance(kid, str) or algorithm not in ALGORITHMS or "crit" in header:
        raise BadTokenError
    return Unverified(kid, algorithm, f"{head}.{body}".encode(), _bytes(signature), claims)


def claims_of(
    token: Unverified, key: PublicKey, *, issuer: str, audience: str, now: datetime
) -> Mapping[str, Any]:
    """What the token says, once it is known to be the issuer's, for us and good now. Raises BadTokenError."""
    try:
        _verify(token, key)
    except (InvalidSignature, ValueError) as error:
        raise BadTokenError from error
    claims, at = token.claims, now.timestamp()
    audiences = claims.get("aud")
    if claims.get("iss") != issuer or audience not in (
        audiences if isinstance(audiences, list) else [audiences]
    ):
        raise BadTokenError
    if "nbf" in claims and _instant(claims["nbf"]) > at + _LEEWAY_S:
        raise BadTokenError
    if _instant(claims.get("exp")) + _LEEWAY_S <= at:
        raise BadTokenError(is_expired=True)
    return claims


def keys_of(document: bytes) -> Keys:
    """The keys of a JSON Web Key Set (RFC 7517) that we can use. Raises ValueError when there is none."""
    try:
        listed = json.loads(document)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("no key set") from error
    keys = {}
    for one in listed if isinstance(listed, list) else []:
        try:
            algorithm, key = _key(one)
            keys[one["kid"], algorithm] = key
        except (ValueError, TypeError, KeyError, AttributeError, BadTokenError):
            continue
    if not keys:
        raise ValueError("no key that we can use")
    return keys


def _key(one: Mapping[str, Any]) -> tuple[str, PublicKey]:
    key: PublicKey
    if one["kty"] == "RSA":
        algorithm, key = "RS256", rsa.RSAPublicNumbers(_int(one["e"]), _int(one["n"])).public_key()
        if key.key_size < _SHORTEST_RSA_BITS:
            raise ValueError("too short")
    elif (one["kty"], one["crv"]) == ("EC", "P-256"):
        numbers = ec.EllipticCurvePublicNumbers(_int(one["x"]), _int(one["y"]), ec.SECP256R1())
        algorithm, key = "ES256", numbers.public_key()
    else:
        raise ValueError("another kind of key")
    if (
        not isinstance(one["kid"], str)
        or one.get("use", "sig") != "sig"
        or one.get("alg", algorithm) != algorithm
    ):
        raise ValueError("not for this")
    return algorithm, key


def _verify(token: Unverified, key: PublicKey) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(token.signature, token.signed, padding.PKCS1v15(), SHA256())
        return
    if len(token.signature) != 2 * _COORDINATE_BYTES:
        raise InvalidSignature
    r, s = (
        int.from_bytes(half)
        for half in (token.signature[:_COORDINATE_BYTES], token.signature[_COORDINATE_BYTES:])
    )
    key.verify(encode_dss_signature(r, s), token.signed, ec.ECDSA(SHA256()))


def _instant(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadTokenError
    return float(value)


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(part))
    except (ValueError, RecursionError) as error:
        raise BadTokenError from error
    if not isinstance(value, dict):
        raise BadTokenError
    return value


def _int(text: str) -> int:
    return int.from_bytes(_bytes(text))


def _bytes(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise BadTokenError from error
