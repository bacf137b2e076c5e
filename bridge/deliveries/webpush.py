"""What a push service is given: encrypted for one browser (RFC 8291), signed as ours (VAPID, RFC 8292)."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from yarl import URL

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# At most 24 hours (RFC 8292, 2); clocks differ.
_SIGNED_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser that takes pushes: where its push service is, and the keys that only it can read with."""

    id: str
    endpoint: str
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)


class Vapid:
    """Who we are to push services: one key pair, from 32 secret bytes."""

    def __init__(self, *, seed: bytes, contact: str | None) -> None:
        self._key = ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, _CURVE)
        self._contact = contact

    @property
    def public_key(self) -> str:
        """What a browser subscribes with (`applicationServerKey`), in base64url."""
        return encode(_point(self._key.public_key()))

    def authorization(self, endpoint: str, *, now: datetime) -> str:
        """The Authorization header for this endpoint: nobody but us can push there, and this one only there."""
        claims = {"aud": str(URL(endpoint).origin()), "exp": int((now + _SIGNED_FOR).timestamp())}
        if self._contact is not None:
            claims["sub"] = self._contact
        parts = ({"typ": "JWT", "alg": "ES256"}, claims)
        signed = ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        signature = encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={signed}.{signature}, k={self.public_key}"


def encrypted(
    plaintext: bytes,
    *,
    p256dh: bytes,
    auth: bytes,
    salt: bytes | None = None,
    sender_key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body of a push that only this subscription reads; salt and sender's key are new ones unless given."""
    body: bytes = http_ece.encrypt(
        plaintext,
        salt=salt,
        private_key=sender_key or ec.generate_private_key(_CURVE),
        dh=p256dh,
        auth_secret=auth,
        version="aes128gcm",
    )
    return body


def is_point(raw: bytes) -> bool:
    """Whether these bytes are a public key that can be encrypted to."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, raw)
    except ValueError:
        return False
    return True


def encode(raw: bytes) -> str:
    """Base64url without padding (RFC 7515, 2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes again. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
