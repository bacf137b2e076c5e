"""Signed JSON: Ed25519 over canonical JSON without `signatures` and `unsigned` (Matrix appendices, 3.3)."""

from collections.abc import Callable

import vodozemac
from canonicaljson import encode_canonical_json

from bridge.e2ee.untrusted import dig
from bridge.matrix.json import JsonObject

Sign = Callable[[bytes], str]
"""Signs a message; the signature in unpadded Base64."""


def canonical(value: JsonObject) -> bytes:
    """The bytes that a signature of `value` covers. Raises ValueError when JSON can't express it."""
    return encode_canonical_json(
        {key: part for key, part in value.items() if key not in ("signatures", "unsigned")}
    )


def signed(value: JsonObject, *, user_id: str, key_id: str, sign: Sign) -> JsonObject:
    """`value` with one more signature, by `ed25519:{key_id}` of `user_id`."""
    others = value.get("signatures", {})
    own = others.get(user_id, {}) | {f"ed25519:{key_id}": sign(canonical(value))}
    return value | {"signatures": others | {user_id: own}}


def is_signed_by(value: JsonObject, *, user_id: str, key_id: str, public_key: str) -> bool:
    """Whether `value`, which may hold anything, has a good signature by this key."""
    signature = dig(value, "signatures", user_id, f"ed25519:{key_id}")
    if not isinstance(signature, str):
        return False
    try:
        key = vodozemac.Ed25519PublicKey.from_base64(public_key)
        key.verify_signature(canonical(value), vodozemac.Ed25519Signature.from_base64(signature))
    except (ValueError, RecursionError):
        return False
    return True
