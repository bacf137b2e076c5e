"""What a browser and its push service make of a push."""

import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from bridge.deliveries.webpush import decode


def verified_claims(header: str, *, key: str | None = None) -> dict[str, object]:
    """The claims in this Authorization header. Raises InvalidSignature; `key` overrides the one it names."""
    token, _, named = header.removeprefix("vapid t=").partition(", k=")
    head, claims, signature = token.split(".")
    assert json.loads(decode(head)) == {"typ": "JWT", "alg": "ES256"}
    raw = decode(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(key or named))
    public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    read: dict[str, object] = json.loads(decode(claims))
    return read


def decode_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as a browser gives it."""
    numbers = key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
