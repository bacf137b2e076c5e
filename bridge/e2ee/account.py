"""Olm accounts: the keys of one device and what is uploaded of them (Matrix client-server API, 11.12.1).

The only place that knows that vodozemac's stub lacks the fallback key.
"""

from collections.abc import Mapping
from typing import Protocol, cast

import vodozemac

from bridge.e2ee.model import MEGOLM, OLM
from bridge.e2ee.signing import Sign, signed
from bridge.matrix.json import JsonObject


class _WithFallback(Protocol):
    @property
    def fallback_key(self) -> dict[str, vodozemac.Curve25519PublicKey]: ...

    def generate_fallback_key(self) -> vodozemac.Curve25519PublicKey | None: ...


def new_account(*, one_time_keys: int) -> vodozemac.Account:
    """An account with so many one-time keys and a fallback key, none of them published."""
    account = vodozemac.Account()
    account.generate_one_time_keys(one_time_keys)
    add_fallback_key(account)
    return account


def add_fallback_key(account: vodozemac.Account) -> None:
    """A new fallback key. The one before keeps working, since messages to it may be on their way."""
    cast(_WithFallback, account).generate_fallback_key()


def signer(account: vodozemac.Account) -> Sign:
    """Signs as this device."""
    return lambda message: account.sign(message).to_base64()


def device_keys(account: vodozemac.Account, *, user_id: str, device_id: str) -> JsonObject:
    """The device's public keys, signed by itself."""
    value = {
        "user_id": user_id,
        "device_id": device_id,
        "algorithms": [OLM, MEGOLM],
        "keys": {
            f"curve25519:{device_id}": account.curve25519_key.to_base64(),
            f"ed25519:{device_id}": account.ed25519_key.to_base64(),
        },
    }
    return signed(value, user_id=user_id, key_id=device_id, sign=signer(account))


def unpublished_keys(account: vodozemac.Account, *, user_id: str, device_id: str) -> JsonObject:
    """The body of `/keys/upload` for the one-time and fallback keys that were not published yet."""
    sign = signer(account)

    def body(keys: Mapping[str, vodozemac.Curve25519PublicKey], extra: JsonObject) -> JsonObject:
        return {
            f"signed_curve25519:{key_id}": signed(
                {"key": key.to_base64(), **extra}, user_id=user_id, key_id=device_id, sign=sign
            )
            for key_id, key in keys.items()
        }

    return {
        "one_time_keys": body(account.one_time_keys, {}),
        "fallback_keys": body(cast(_WithFallback, account).fallback_key, {"fallback": True}),
    }
