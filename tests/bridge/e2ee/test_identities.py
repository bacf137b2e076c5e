"""The chain of trust: pinned master key, self-signing key, device."""

import copy

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.e2ee.identities import published
from tests.bridge.e2ee.client import Client, public


async def _answer(client: Client) -> dict:
    return await client.server.keys_query(user_id="@a:portal", users=[client.user_id])


def _seen(answer: dict, client: Client, pinned: str | None = None):
    return published(answer, user_id=client.user_id, pinned_master=pinned)


async def test_a_device_signed_by_its_owners_identity(garcia: Client):
    """The whole chain holds."""
    found = _seen(await _answer(garcia), garcia)
    assert found.master_key == public(garcia.master)
    assert found.self_signing_key == public(garcia.self_signing)
    (device,) = found.devices
    assert (device.device_id, device.curve25519, device.signed) == ("GARCIA1", garcia.curve25519, True)


async def test_a_device_that_nobody_signed(garcia: Client):
    """It exists, unsigned."""
    other = Client(garcia.server, garcia.user_id, "OTHER")
    await other.log_in()
    devices = {device.device_id: device.signed for device in _seen(await _answer(garcia), garcia).devices}
    assert devices == {"GARCIA1": True, "OTHER": False}


async def test_an_identity_that_is_not_the_pinned_one_signs_nothing(garcia: Client):
    """A chain that ends in another master key is no chain."""
    found = _seen(await _answer(garcia), garcia, pinned=public(Ed25519PrivateKey.generate()))
    assert found.self_signing_key is None
    assert [device.signed for device in found.devices] == [False]


async def test_a_self_signing_key_that_the_master_did_not_sign(garcia: Client):
    """A homeserver can't put its own self-signing key in between."""
    garcia.self_signing = Ed25519PrivateKey.generate()
    del garcia.server.cross_signing[garcia.user_id]
    await garcia.log_in()
    answer = await _answer(garcia)
    answer["self_signing_keys"][garcia.user_id]["signatures"] = {}
    assert [device.signed for device in _seen(answer, garcia).devices] == [False]


async def test_keys_of_somebody_else_are_left_out(garcia: Client):
    """Keys that name another user or device, or carry no good signature of the device, don't exist."""
    answer = await _answer(garcia)
    for path, value in (
        (("user_id",), "@eve:hospital"),
        (("device_id",), "OTHER"),
        (("algorithms",), ["m.olm.v1.curve25519-aes-sha2"]),
        (("keys", "curve25519:GARCIA1"), "not a key"),
        (("keys", "ed25519:GARCIA1"), Client(garcia.server, "@e:x", "E").account.ed25519_key.to_base64()),
        (("signatures",), {}),
    ):
        changed = copy.deepcopy(answer)
        part = changed["device_keys"][garcia.user_id]["GARCIA1"]
        for name in path[:-1]:
            part = part[name]
        part[path[-1]] = value
        assert _seen(changed, garcia).devices == ()


async def test_a_device_id_that_no_database_could_hold(garcia: Client):
    """A device id with a NUL in it, properly signed, is left out."""
    odd = Client(garcia.server, garcia.user_id, "OD\0D")
    await odd.log_in()
    assert [device.device_id for device in _seen(await _answer(garcia), garcia).devices] == ["GARCIA1"]


async def test_a_master_key_of_another_usage_or_user_is_none(garcia: Client):
    """A published key counts only for its usage and its user."""
    for change in ({"usage": ["self_signing"]}, {"user_id": "@eve:hospital"}, {"keys": {"ed25519:a": "b"}}):
        answer = await _answer(garcia)
        answer["master_keys"][garcia.user_id] |= change
        assert _seen(answer, garcia).master_key is None


def test_an_answer_full_of_rubbish_says_nothing():
    """Any JSON where keys should be is no identity."""
    for rubbish in (None, 1, "x", [], {"@garcia:hospital": 3}, {"@garcia:hospital": {"GARCIA1": []}}):
        answer = {"device_keys": rubbish, "master_keys": rubbish, "self_signing_keys": rubbish}
        found = published(answer, user_id="@garcia:hospital", pinned_master=None)
        assert (found.master_key, found.devices) == (None, ())
