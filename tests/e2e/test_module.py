"""The homeservers' own guard over consult rooms, against clients that ignore our API, on each server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.element import ElementClient
from tests.e2e.place import CLEAR, ENCRYPTED, MEGOLM, Place, made_room, stopped

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Invited:
    """A patient and a professional who are invited to their consult room, and have no client yet."""

    patient: str
    professional: str
    room_id: str


@pytest_asyncio.fixture(params=["up", "hanging"], scope="module", loop_scope="session", autouse=True)
async def invited(
    request: pytest.FixtureRequest, place: Place, clinic: Clinic, bridge: BridgeProcess
) -> AsyncIterator[Invited]:
    """Everything twice: none of these rules needs the bridge, which only invites."""
    assert place
    patient, professional = await clinic.patient(), await clinic.professional()
    room_id = await made_room(clinic, patient=patient, professional=professional)
    async with AsyncExitStack() as stack:
        if request.param == "hanging":
            await stack.enter_async_context(stopped(bridge.pid))
        yield Invited(patient, professional, room_id)


@pytest.fixture(params=["portal", "hospital"])
def home(request: pytest.FixtureRequest) -> str:
    """Each server."""
    return str(request.param)


async def test_clear_text_is_refused(place: Place, home: str) -> None:
    """Whatever it is called, also when it only says that it is encrypted; the sender reads why."""
    for event_type, content in (
        ("m.room.message", CLEAR),
        ("m.sticker", CLEAR),
        ("m.call.invite", {"version": "1"}),
        ("m.key.verification.request", {}),
        ("es.videoconsulta.command", {"command": "help"}),
        ("m.room.encrypted", CLEAR),
        ("m.room.encrypted", {"algorithm": "m.olm.v1.curve25519-aes-sha2", "ciphertext": "x"}),
    ):
        reply = await place.member(home).send(place.room_id, event_type, content)
        assert reply.is_refusal, (event_type, reply)
        assert "encrypted" in reply.body["error"]


async def test_the_keeper_writes_nothing_in_clear_either(place: Place) -> None:
    """Nor would who has stolen the application service's token."""
    assert (await place.keeper.send(place.room_id, "m.room.message", CLEAR)).is_refusal


async def test_ordinary_life_goes_on(place: Place, home: str) -> None:
    """Messages, edits, calls and verification (all encrypted), reactions, redactions, receipts, typing."""
    me, room = place.member(home), place.room_id
    sent = await me.send(room, "m.room.encrypted", ENCRYPTED)
    assert sent.status == 200, sent
    event_id = sent.body["event_id"]
    edit = ENCRYPTED | {"m.relates_to": {"rel_type": "m.replace", "event_id": event_id}}
    assert (await me.send(room, "m.room.encrypted", edit)).status == 200
    thumb = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event_id, "key": "👍"}}
    reaction = await me.send(room, "m.reaction", thumb)
    assert reaction.status == 200, reaction
    assert (await me.redact(room, reaction.body["event_id"])).status == 200
    assert (await me.redact(room, event_id)).status == 200
    assert (await me.send(room, "org.matrix.dummy_event", {})).status == 200
    path = f"/rooms/{quote(room)}"
    receipt = await me.request("POST", f"{path}/receipt/m.read/{quote(event_id, safe='')}", {})
    assert receipt.status == 200, receipt
    typing = await me.request("PUT", f"{path}/typing/{me.user_id}", {"typing": True, "timeout": 1000})
    assert typing.status == 200, typing


async def test_element_notices_nothing(servers: LocalPlatform, invited: Invited) -> None:
    """Element's own client, on both sides: all that it does in a consult room it may, and arrives trusted."""
    room = invited.room_id
    async with ElementClient() as ana, ElementClient() as bea:
        await ana.login(servers.portal.client_url, invited.patient.partition(":")[0][1:], PASSWORD)
        await bea.login(servers.hospital.client_url, invited.professional.partition(":")[0][1:], PASSWORD)
        for client in (ana, bea):
            await client.wait_for_invite(room_id=room)
            await client.join(room)
        for sender, reader in ((ana, bea), (bea, ana)):
            sent = await sender.send_text(room, "¿Cómo está?")
            await reader.wait_for_message(room, event_id=sent)
            await reader.read_receipt(room, sent)
            await reader.react(room, sent, "👍")
            await sender.edit(room, sent, "¿Cómo está hoy?")
            call = {"call_id": "c", "party_id": "p", "version": "1", "lifetime": 1000, "offer": {}}
            called = await sender.send_event(room, "m.call.invite", call)
            verification = {"msgtype": "m.key.verification.request", "body": "", "methods": []}
            asked = await sender.send_event(room, "m.room.message", verification)
            redacted = await sender.send_text(room, "Esto no")
            await sender.redact(room, redacted)
            last = await sender.send_text(room, f"fin de {sender is ana}")
            await reader.wait_for_message(room, event_id=last)
            shown = {message.event_id: message for message in await reader.timeline(room)}
            assert all(shown[event_id].encrypted for event_id in (sent, called, asked, last))
            assert shown[sent].body == "¿Cómo está hoy?"
            assert shown[redacted].redacted


@pytest.mark.parametrize(
    ("event_type", "content"),
    [
        ("m.room.encryption", {}),
        ("m.room.encryption", {"algorithm": "es.videoconsulta.none"}),
        ("m.room.join_rules", {"join_rule": "public"}),
        ("m.room.join_rules", {"join_rule": "knock"}),
        ("m.room.guest_access", {"guest_access": "can_join"}),
        ("m.room.history_visibility", {"history_visibility": "world_readable"}),
        ("m.room.canonical_alias", {"alias": ""}),
    ],
)
async def test_the_room_is_not_opened(place: Place, event_type: str, content: dict[str, Any]) -> None:
    """Members lack the power level, on each server; the keeper has it, and is refused by the module."""
    for client in (place.maria, place.garcia, place.keeper):
        reply = await client.put_state(place.room_id, event_type, content)
        assert reply.is_refusal, (client.user_id, reply)
    assert "onsult room" in reply.body["error"]


async def test_encryption_is_not_redacted(place: Place) -> None:
    """Neither by members nor by the keeper."""
    state = await place.keeper.request("GET", f"/rooms/{quote(place.room_id)}/state")
    encryption = next(event for event in list(state.body) if event["type"] == "m.room.encryption")
    for client in (place.maria, place.garcia, place.keeper):
        reply = await client.redact(place.room_id, encryption["event_id"])
        assert reply.is_refusal, (client.user_id, reply)


async def test_members_change_nothing(place: Place, home: str) -> None:
    """No state of any kind, no levels, no upgrade, no kick."""
    me, room = place.member(home), place.room_id
    other = place.garcia if home == "portal" else place.maria
    for attempt in (
        me.put_state(room, "m.room.power_levels", {"users_default": 100}),
        me.put_state(room, "m.room.name", {"name": "Diagnóstico"}),
        me.put_state(room, "m.room.message", CLEAR, state_key="x"),
        me.request("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": "12"}),
        me.request("POST", f"/rooms/{quote(room)}/kick", {"user_id": other.user_id}),
    ):
        assert (await attempt).is_refusal


async def test_only_the_keeper_brings_people_in(place: Place, home: str) -> None:
    """Not a member, in care or not; a stranger neither reads, joins, knocks nor sends."""
    for invitee in (place.pedro, place.lopez):
        assert (await place.member(home).invite(place.room_id, invitee.user_id)).is_refusal
    me, room = place.stranger(home), quote(place.room_id)
    own_side = "localhost"
    for attempt in (
        me.join(place.room_id),
        me.send(place.room_id, "m.room.encrypted", ENCRYPTED),
        me.request("GET", f"/rooms/{room}/messages", dir="b"),
        me.request("GET", f"/rooms/{room}/state"),
        me.request("POST", f"/knock/{room}", {}, server_name=own_side),
    ):
        reply = await attempt
        assert reply.status in (403, 404), reply


async def test_the_room_is_in_no_directory(place: Place, home: str) -> None:
    """No address, no list."""
    me = place.member(home)
    server = me.user_id.partition(":")[2]
    alias = quote(f"#consulta-{home}:{server}", safe="")
    assert (await me.request("PUT", f"/directory/room/{alias}", {"room_id": place.room_id})).is_refusal
    for visibility in ("public", "private"):
        listing = {"visibility": visibility}
        reply = await me.request("PUT", f"/directory/list/room/{quote(place.room_id)}", listing)
        assert reply.is_refusal, reply
    assert reply.body["error"] == "A consult room is in no directory"


async def test_nobody_pretends_to_be_the_portal(place: Place, home: str) -> None:
    """A person makes no consult room; the keeper none that isn't encrypted from the start."""
    consult = {"type": "es.videoconsulta.consult"}
    encryption = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": MEGOLM}}
    mine = await place.member(home).create_room(creation_content=consult, initial_state=[encryption])
    assert mine.is_refusal
    assert mine.body["error"] == "Consult rooms are made by the portal"
    assert (await place.keeper.create_room(creation_content=consult)).is_refusal
    public = await place.keeper.create_room(
        creation_content=consult, initial_state=[encryption], preset="public_chat"
    )
    assert public.is_refusal
