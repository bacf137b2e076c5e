"""Signed tokens (RFC 7519, in the compact form of RFC 7515) of two algorithms, RS256 and ES256 (RFC 7518).

What the standards say about them is joserfc's business. Ours is what is asked of them: by which keys, from whom, for
whom, and when.
"""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey

_ALGORITHMS = ("RS256", "ES256")
_KINDS: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}
_LONGEST = 8192
_PARTS = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}")
_LEEWAY_S = 30
"""How far the provider's clock may be from ours."""

PublicKey = RSAKey | ECKey
Keys = Mapping[tuple[str, str], PublicKey]
"""By `kid` and algorithm: a key belongs to one, so no token chooses how it is verified."""


class BadTokenError(Exception):
    """The token says nothing that we believe; `is_expired` when it did once."""

    def __init__(self, *, is_expired: bool = False) -> None:
        super().__init__()
        self.is_expired = is_expired


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token, and which key it says it is signed with. Nothing in it is believed yet."""

    token: str
    kid: str
    algorithm: str


def looks_so(token: str) -> bool:
    """Whether this is such a token, rather than a key or a session of ours."""
    return _PARTS.fullmatch(token) is not None


def take_apart(token: str) -> Unverified:
    """Which key to look for. Raises BadTokenError."""
    if len(token) > _LONGEST or not looks_so(token):
        raise BadTokenError
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise BadTokenError from error
    kid, algorithm = header.get("kid"), header.get("alg")
    # `crit` names what has to be understood, and we understand nothing more (RFC 7515, 4.1.11).
    if not isinstance(kid, str) or algorithm not in _ALGORITHMS or "crit" in header:
        raise BadTokenError
    return Unverified(token, kid, algorithm)


def claims_of(
    token: Unverified, key: PublicKey, *, issuer: str, audience: str, now: datetime
) -> Mapping[str, Any]:
    """What the token says, once it is known to be the issuer's, for us and good now. Raises BadTokenError."""
    asked = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=_LEEWAY_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        exp={"essential": True},
    )
    try:
        # What else a header says is ignored (RFC 7515, section 4): joserfc by itself refuses what it doesn't know.
        registry = jws.JWSRegistry(algorithms=[token.algorithm], strict_check_header=False)
        claims = jwt.decode(token.token, key, registry=registry).claims
        asked.validate(claims)
    except ExpiredTokenError as error:
        raise BadTokenError(is_expired=True) from error
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise BadTokenError from error
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
        except (JoseError, SecurityWarning, ValueError, TypeError, KeyError, AttributeError):
            continue
        keys[one["kid"], algorithm] = key
    if not keys:
        raise ValueError("no key that we can use")
    return keys


def _key(one: dict[str, Any]) -> tuple[str, PublicKey]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", SecurityWarning)  # of an RSA key that is too short
        key = _KINDS[one["kty"]].import_key(one)
    algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
    if not isinstance(one["kid"], str) or one.get("crv", "P-256") != "P-256":
        raise ValueError("a key that no token of ours can name")
    key.check_use("sig")
    key.check_alg(algorithm)
    return algorithm, key
