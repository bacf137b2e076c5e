"""An identity provider: its keys, the key set that it publishes, tokens: good ones, unless something else is said."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

NOW = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)
ISSUER, AUDIENCE = "https://idp.portal.example/realms/pacientes", "videoconsulta"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, *, length: int | None = None) -> str:
    """A number as a JWK has it."""
    return encoded(value.to_bytes(length or (value.bit_length() + 7) // 8))


def rsa_jwk(key: rsa.RSAPrivateKey = RSA, **changes: Any) -> dict[str, Any]:
    """Its public part."""
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": "r", "use": "sig", "n": number(public.n), "e": number(public.e)} | changes


def ec_jwk(**changes: Any) -> dict[str, Any]:
    """The public part of the other key."""
    public = EC.public_key().public_numbers()
    point = {"x": number(public.x, length=32), "y": number(public.y, length=32)}
    return {"kty": "EC", "crv": "P-256", "kid": "e", "alg": "ES256"} | point | changes


def key_set(*keys: Any) -> bytes:
    """What the provider publishes."""
    return json.dumps({"keys": list(keys) or [rsa_jwk(), ec_jwk()]}).encode()


@dataclass
class Token:
    """A token; `header` and `claims` are changes, one that is None is left out."""

    algorithm: str = "RS256"
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW

    def __str__(self) -> str:
        header = {"alg": self.algorithm, "kid": {"RS256": "r"}.get(self.algorithm, "e"), "typ": "at+jwt"}
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "4711",
            "iat": int(self.now.timestamp()),
            "exp": int((self.now + timedelta(minutes=5)).timestamp()),
            "matrix_user_id": "@portal_lucia:p",
        }
        parts = [_without_none(header | self.header), _without_none(claims | self.claims)]
        signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{encoded(self._signature(signed.encode()))}"

    def _signature(self, signed: bytes) -> bytes:
        if self.algorithm == "RS256":
            return RSA.sign(signed, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(EC.sign(signed, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


def _without_none(part: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if value is not None}
