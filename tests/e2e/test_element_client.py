"""The independent client of the end-to-end tests works: between two of them there is nothing of ours."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from bridge.demo.accounts import create_account
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient, ElementError
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

_PASSWORD = "una contraseña"


@dataclass(frozen=True)
class _Pair:
    """Two people, one on each homeserver, logged in and in one encrypted room; `bea` is the hospital's."""

    ana: ElementClient
    bea: ElementClient
    ana_id: str
    bea_id: str
    recovery_key: str
    hospital_url: str
    room_id: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pair(servers: LocalPlatform) -> AsyncIterator[_Pair]:
    """A room between two clients across federation."""
    ana_id = await create_account(servers.portal, "element_ana", _PASSWORD, "Ana")
    bea_id = await create_account(servers.hospital, "element_bea", _PASSWORD, "Bea")
    async with ElementClient() as ana, ElementClient() as bea:
        await ana.login(servers.portal.client_url, "element_ana", _PASSWORD)
        login = await bea.login(servers.hospital.client_url, "element_bea", _PASSWORD)
        assert login.recovery_key is not None
        room = await ana.create_room([bea_id])
        invitation = await bea.wait_for_invite(inviter=ana_id)
        await bea.join(invitation.room_id)
        yield _Pair(
            ana=ana,
            bea=bea,
            ana_id=ana_id,
            bea_id=bea_id,
            recovery_key=login.recovery_key,
            hospital_url=servers.hospital.client_url,
            room_id=room.room_id,
        )


async def test_messages_arrive_with_no_shield(pair: _Pair) -> None:
    """Texts, a reply and an edit go both ways over federation; all are encrypted, readable and trusted."""
    first = await pair.ana.send_text(pair.room_id, "¿Cómo está?")
    assert (await pair.bea.wait_for_message(pair.room_id, event_id=first)).is_trusted
    reply = await pair.bea.send_text(pair.room_id, "mejor 😀", reply_to=first)
    received = await pair.ana.wait_for_message(pair.room_id, body="mejor 😀")
    assert received.relates_to == {"m.in_reply_to": {"event_id": first}}
    assert received.sender == pair.bea_id
    await pair.bea.edit(pair.room_id, reply, "mucho mejor")
    edited = await pair.ana.wait_for_message(pair.room_id, body="mucho mejor")
    assert (edited.event_id, edited.edited) == (reply, True)
    for client in (pair.ana, pair.bea):
        timeline = await client.timeline(pair.room_id, paginate=True)
        assert [message.summary for message in timeline if not message.is_trusted] == []


async def test_a_rotated_session_is_another_one(pair: _Pair) -> None:
    """After `rotate` the next message travels in a new Megolm session, which the other side has too."""
    before = await pair.ana.send_text(pair.room_id, "antes")
    await pair.ana.rotate(pair.room_id)
    after = await pair.ana.send_text(pair.room_id, "después")
    received = [await pair.bea.wait_for_message(pair.room_id, event_id=sent) for sent in (before, after)]
    assert all(message.is_trusted for message in received)
    assert received[0].session_id != received[1].session_id


async def test_a_reaction_a_receipt_and_a_redaction_are_seen(pair: _Pair) -> None:
    """What travels in clear text arrives as such, and a redacted message has no text any more."""
    sent = await pair.ana.send_text(pair.room_id, "se borra")
    await pair.bea.wait_for_message(pair.room_id, event_id=sent)
    await pair.bea.read_receipt(pair.room_id, sent)
    reaction = await pair.bea.react(pair.room_id, sent, "👍")
    await pair.ana.redact(pair.room_id, sent)
    await pair.bea.wait_for_message(pair.room_id, event_id=await pair.ana.send_text(pair.room_id, "fin"))
    timeline = {message.event_id: message for message in await pair.bea.timeline(pair.room_id)}
    assert timeline[sent].redacted
    assert timeline[sent].body is None
    assert not timeline[reaction].encrypted


async def test_a_second_device_keeps_the_identity(pair: _Pair) -> None:
    """With the recovery key a new device is signed by the same identity: trusted by others, nobody is alarmed."""
    async with ElementClient() as second:
        login = await second.login(
            pair.hospital_url,
            "element_bea",
            _PASSWORD,
            recovery_key=pair.recovery_key,
            display_name="segundo",
        )
        device = await pair.ana.wait_for_device(pair.bea_id, login.device_id, signed=True)
        assert device.display_name == "segundo"
        sent = await pair.ana.send_text(pair.room_id, "a los dos")
        assert (await second.wait_for_message(pair.room_id, event_id=sent)).is_trusted
        answer = await second.send_text(pair.room_id, "desde el segundo")
        assert (await pair.ana.wait_for_message(pair.room_id, event_id=answer)).is_trusted
        assert not (await pair.ana.verification_state(pair.bea_id)).identity_changed
        await second.logout()


async def test_a_second_login_never_replaces_the_identity(pair: _Pair) -> None:
    """Without the recovery key a secure login is refused rather than alarming everybody with a new identity."""
    async with ElementClient() as second:
        with pytest.raises(ElementError, match="recovery key"):
            await second.login(pair.hospital_url, "element_bea", _PASSWORD)


async def test_an_insecure_device_is_excluded_both_ways(pair: _Pair) -> None:
    """A device without cross-signing gets no key, and what it sends is refused."""
    async with ElementClient() as insecure:
        login = await insecure.login(pair.hospital_url, "element_bea", _PASSWORD, cross_signing=False)
        device = await pair.ana.wait_for_device(pair.bea_id, login.device_id, signed=False)
        assert not device.signed_by_owner
        sent = await pair.ana.send_text(pair.room_id, "no para todos")
        await refused_as(insecure, pair.room_id, sent, reason="MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE")
        refused = await insecure.send_text(pair.room_id, "de un dispositivo sin firmar")
        await refused_as(pair.ana, pair.room_id, refused, reason="UNSIGNED_SENDER_DEVICE")
        await insecure.logout()


async def refused_as(reader: ElementClient, room: str, event_id: str, *, reason: str) -> None:
    """The reader has the event, can't read it, and comes to know this reason, which travels apart from it."""

    async def failure() -> str | None:
        shown = {one.event_id: one for one in await reader.timeline(room)}
        return shown[event_id].failure_reason if event_id in shown else None

    await eventually(failure, until=lambda it: it == reason)


async def test_a_client_that_is_gone_says_so() -> None:
    """A command before the login, or after the end, is a clear error."""
    client = ElementClient()
    with pytest.raises(ElementError, match="not running"):
        await client.rooms()
    async with client:
        with pytest.raises(ElementError, match="not logged in"):
            await client.rooms()
    with pytest.raises(ElementError, match="not running"):
        await client.rooms()
