"""Looking into JSON that may hold anything."""

from typing import Any, TypeGuard

import vodozemac

_ID_LENGTH = 255


def dig(value: Any, *path: str) -> Any:
    """What lies at `path`, or None."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def is_identifier(value: object) -> TypeGuard[str]:
    """Whether this may be an id: short, and nothing in it that a database or a log could not hold."""
    return isinstance(value, str) and 0 < len(value) <= _ID_LENGTH and value.isprintable()


def is_identity_key(value: object) -> TypeGuard[str]:
    """Whether this is a Curve25519 public key in the one spelling of it (unpadded Base64)."""
    try:
        return (
            isinstance(value, str) and vodozemac.Curve25519PublicKey.from_base64(value).to_base64() == value
        )
    except ValueError:
        return False
