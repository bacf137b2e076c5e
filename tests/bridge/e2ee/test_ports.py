"""The contract of KeyServer. The fixture `key_server` says who has to keep it: the fake, and a real homeserver.

Whoever overrides the fixtures gives `key_server` and `people`: user ids that it may register.
"""

from uuid import uuid4

import pytest
import vodozemac

from bridge.e2ee.account import device_keys, new_account, signer, unpublished_keys
from bridge.e2ee.cross_signing import CrossSigning
from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.identities import published
from bridge.e2ee.ports import KeyServer
from bridge.matrix.errors import MatrixError


@pytest.fixture(params=[FakeKeyServer])
def key_server(request: pytest.FixtureRequest) -> KeyServer:
    """Who keeps the contract."""
    return request.param()


@pytest.fixture
def people() -> list[str]:
    """Users that may be registered."""
    return [f"@portal_{uuid4().hex}:portal" for _ in range(2)]


async def _log_in(
    key_server: KeyServer, user_id: str, *, one_time_keys: int = 2
) -> tuple[vodozemac.Account, str]:
    account, device_id = new_account(one_time_keys=one_time_keys), "VC" + uuid4().hex.upper()
    await key_server.register(user_id=user_id)
    await key_server.put_device(user_id=user_id, device_id=device_id, display_name="gateway")
    keys = {"device_keys": device_keys(account, user_id=user_id, device_id=device_id)}
    body = keys | unpublished_keys(account, user_id=user_id, device_id=device_id)
    await key_server.keys_upload(user_id=user_id, device_id=device_id, body=body)
    return account, device_id


async def test_registering_twice_is_harmless(key_server: KeyServer, people: list[str]):
    """An account that exists is no error, nor is a device that does."""
    for _ in range(2):
        await key_server.register(user_id=people[0])
        await key_server.put_device(user_id=people[0], device_id="VCTWICE", display_name="gateway")


async def test_uploads_tell_the_number_of_keys(key_server: KeyServer, people: list[str]):
    """Repeating an upload adds nothing, an empty one just tells."""
    account, device_id = await _log_in(key_server, people[0], one_time_keys=3)
    body = unpublished_keys(account, user_id=people[0], device_id=device_id)
    for repeated in (body, {}):
        counts = await key_server.keys_upload(user_id=people[0], device_id=device_id, body=repeated)
        assert counts["signed_curve25519"] == 3


async def test_uploading_for_an_unknown_device_is_refused(key_server: KeyServer, people: list[str]):
    """Keys belong to a device."""
    await key_server.register(user_id=people[0])
    with pytest.raises(MatrixError):
        await key_server.keys_upload(user_id=people[0], device_id="VCNONE", body={})


async def test_a_claim_takes_each_key_once_and_then_the_fallback(key_server: KeyServer, people: list[str]):
    """One-time keys are given once; when they are used up, the fallback key, again and again."""
    account, device_id = await _log_in(key_server, people[0], one_time_keys=2)
    await _log_in(key_server, people[1])
    body = unpublished_keys(account, user_id=people[0], device_id=device_id)
    claimed = []
    for _ in range(4):
        answer = await key_server.keys_claim(user_id=people[1], wanted={people[0]: [device_id]})
        ((key_id, key),) = answer["one_time_keys"][people[0]][device_id].items()
        claimed.append((key_id, key["key"], key.get("fallback", False)))
    given = {(key_id, key["key"], False) for key_id, key in body["one_time_keys"].items()}
    ((fallback_id, fallback),) = body["fallback_keys"].items()
    assert set(claimed[:2]) == given
    assert claimed[2:] == [(fallback_id, fallback["key"], True)] * 2


async def test_a_claim_for_nobody_gives_nothing(key_server: KeyServer, people: list[str]):
    """Unknown devices are left out."""
    await _log_in(key_server, people[0])
    answer = await key_server.keys_claim(user_id=people[0], wanted={people[0]: ["VCNONE"]})
    assert not answer["one_time_keys"].get(people[0])


async def test_a_cross_signed_device_is_shown_with_its_whole_chain(key_server: KeyServer, people: list[str]):
    """What was uploaded comes back such that master, self-signing key and device verify; twice is harmless."""
    account, device_id = await _log_in(key_server, people[0])
    await _log_in(key_server, people[1])
    identity = CrossSigning.generate()
    keys = identity.sign_device(device_keys(account, user_id=people[0], device_id=device_id))
    body = identity.upload_body(user_id=people[0], device_id=device_id, sign_as_device=signer(account))
    for _ in range(2):
        await key_server.device_signing_upload(user_id=people[0], body=body)
        answer = await key_server.signatures_upload(user_id=people[0], body={people[0]: {device_id: keys}})
        assert not answer.get("failures")
    answer = await key_server.keys_query(user_id=people[1], users=people)
    found = published(answer, user_id=people[0], pinned_master=None)
    assert found.master_key == identity.master.public
    assert [(device.device_id, device.signed) for device in found.devices] == [(device_id, True)]
    assert published(answer, user_id=people[1], pinned_master=None).master_key is None


async def test_an_identity_is_uploaded_once_and_part_by_part(key_server: KeyServer, people: list[str]):
    """Keys that are there, signed by another device, can't be uploaded with new ones; what is missing can."""
    accounts = [await _log_in(key_server, people[0]) for _ in range(2)]
    identity = CrossSigning.generate()
    first, second = [
        identity.upload_body(user_id=people[0], device_id=device_id, sign_as_device=signer(account))
        for account, device_id in accounts
    ]
    await key_server.device_signing_upload(user_id=people[0], body={"master_key": first["master_key"]})
    with pytest.raises(MatrixError):
        await key_server.device_signing_upload(user_id=people[0], body=second)
    missing = {name: second[name] for name in ("self_signing_key", "user_signing_key")}
    await key_server.device_signing_upload(user_id=people[0], body=missing)
    there = await key_server.keys_query(user_id=people[0], users=[people[0]])
    for name, key in second.items():
        assert there[f"{name}s"][people[0]]["keys"] == key["keys"]


async def test_a_signature_of_other_keys_is_refused(key_server: KeyServer, people: list[str]):
    """`failures` names what was not taken."""
    account, device_id = await _log_in(key_server, people[0])
    identity = CrossSigning.generate()
    body = identity.upload_body(user_id=people[0], device_id=device_id, sign_as_device=signer(account))
    await key_server.device_signing_upload(user_id=people[0], body=body)
    other = device_keys(new_account(one_time_keys=1), user_id=people[0], device_id=device_id)
    answer = await key_server.signatures_upload(
        user_id=people[0], body={people[0]: {device_id: identity.sign_device(other)}}
    )
    assert device_id in answer["failures"][people[0]]


async def test_a_deleted_device_is_gone_and_its_owner_is_the_same(key_server: KeyServer, people: list[str]):
    """Nobody sees it any more, the identity stays; deleting it again is harmless."""
    account, device_id = await _log_in(key_server, people[0])
    await _log_in(key_server, people[1])
    identity = CrossSigning.generate()
    body = identity.upload_body(user_id=people[0], device_id=device_id, sign_as_device=signer(account))
    await key_server.device_signing_upload(user_id=people[0], body=body)
    for _ in range(2):
        await key_server.delete_device(user_id=people[0], device_id=device_id)
        answer = await key_server.keys_query(user_id=people[1], users=[people[0]])
        found = published(answer, user_id=people[0], pinned_master=None)
        assert (found.devices, found.master_key) == ((), identity.master.public)
    with pytest.raises(MatrixError):
        await key_server.keys_upload(user_id=people[0], device_id=device_id, body={})


async def test_people_who_do_not_exist_have_no_devices(key_server: KeyServer, people: list[str]):
    """Asking for nobody is no error."""
    await _log_in(key_server, people[0])
    answer = await key_server.keys_query(user_id=people[0], users=[people[1]])
    assert published(answer, user_id=people[1], pinned_master=None).devices == ()


async def test_messages_to_devices_are_taken(key_server: KeyServer, people: list[str]):
    """Sending to a device that exists and to one that does not is no error."""
    _, device_id = await _log_in(key_server, people[0])
    await key_server.send_to_device(
        user_id=people[0],
        device_id=device_id,
        event_type="m.dummy",
        txn_id=uuid4().hex,
        messages={people[0]: {device_id: {}, "VCNONE": {}}},
    )
