"""Who may invite whom, asked of the bridge by the portal's homeserver; and what becomes of it without the bridge."""

import asyncio
import time
from urllib.parse import quote

import pytest

from bots.consult import consult_room
from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.place import CLEAR, ENCRYPTED, Place, joined, made_room, own_room, stopped
from tests.e2e.raw_client import logged_in, masquerading

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_IN_CARE = "Only people in a care relationship may invite each other"
NO_PARTY = "Only those who take part in its conversation are invited to a consult room"
UNKNOWN = "Whether you may invite this person can't be checked now; try again in a moment"
# The module gives up after 2 s; the rest is a busy machine's.
AT_MOST_S = 5.0


@pytest.fixture(params=["portal", "hospital"])
def home(request: pytest.FixtureRequest) -> str:
    """Each server."""
    return str(request.param)


async def test_strangers_dont_invite_patients(place: Place, home: str, clinic: Clinic) -> None:
    """Neither from the portal nor from outside, into no room at all; not the managed ones, nor the bots."""
    stranger = place.stranger(home)
    room_id = await own_room(stranger)
    managed = await clinic.managed_user()
    for invitee in (place.maria.user_id, managed, place.keeper.user_id):
        reply = await stranger.invite(room_id, invitee)
        assert reply.is_refusal, reply
        assert reply.body["error"] == NOT_IN_CARE
    at_once = await stranger.create_room(invite=[place.maria.user_id], is_direct=True)
    assert at_once.is_refusal, at_once
    if home == "portal":  # elsewhere this makes an event that nobody brings to her server
        maria = {"type": "m.room.member", "state_key": place.maria.user_id}
        invited = maria | {"content": {"membership": "invite"}}
        assert (await stranger.create_room(initial_state=[invited])).is_refusal
    assert room_id not in (await place.maria.synced()).get("invite", {})


async def test_people_in_care_invite_each_other(place: Place) -> None:
    """From either side: a room that they make themselves."""
    for inviter, invitee in ((place.garcia, place.maria), (place.maria, place.garcia)):
        room_id = await own_room(inviter)
        assert (await inviter.invite(room_id, invitee.user_id)).status == 200
        assert (await invitee.join(room_id)).status == 200
        # Not a consult room: what they do there is theirs.
        assert (await inviter.send(room_id, "m.room.message", CLEAR)).status == 200


async def test_a_patient_may_invite_whom_she_likes_elsewhere(place: Place) -> None:
    """The portal guards its own people; a hospital's are the hospital's business."""
    room_id = await own_room(place.maria)
    assert (await place.maria.invite(room_id, place.lopez.user_id)).status == 200


async def test_the_assistant_invites_without_being_asked_about(place: Place, servers: LocalPlatform) -> None:
    """Its chats with people are its own affair."""
    async with masquerading(servers.settings, servers.settings.assistant_id) as assistant:
        await assistant.request(
            "POST",
            "/register",
            {"type": "m.login.application_service", "username": "asistente", "inhibit_login": True},
        )
        room_id = await own_room(assistant)
        assert (await assistant.invite(room_id, place.pedro.user_id)).status == 200


async def test_a_stolen_keeper_brings_nobody_in(place: Place, clinic: Clinic) -> None:
    """Into a consult room, of either server, nor bots; into one of its own making not even a patient."""
    body = consult_room(
        nonce="nonce",
        keeper=place.keeper.user_id,
        people=[place.maria.user_id],
        notice="No es para urgencias: 112",
        rotation_period_msgs=100,
        rotation_period_ms=604_800_000,
    )
    maria = {"type": "m.room.member", "state_key": place.maria.user_id, "content": {"membership": "invite"}}
    for more in ({"invite": [place.maria.user_id]}, {"initial_state": [*body["initial_state"], maria]}):
        assert (await place.keeper.create_room(**body | more)).is_refusal
    made = await place.keeper.create_room(**body)
    assert made.status == 200, made
    strangers = [place.pedro.user_id, place.lopez.user_id, clinic.platform.settings.assistant_id]
    for room_id, invitees in ((place.room_id, strangers), (made.body["room_id"], [place.maria.user_id])):
        for invitee in invitees:
            reply = await place.keeper.invite(room_id, invitee)
            assert (reply.status, reply.body["error"]) == (403, NO_PARTY)


async def test_the_keeper_brings_back_who_takes_part(place: Place, clinic: Clinic) -> None:
    """A patient who left her room may come back; her doctor is invited by the bridge itself, which is then asked."""
    professional = await clinic.professional()
    room_id = await made_room(clinic, patient=place.pedro.user_id, professional=professional)
    await joined(room_id, place.pedro)
    assert (await place.pedro.request("POST", f"/rooms/{quote(room_id)}/leave", {})).status == 200
    assert (await place.keeper.invite(room_id, place.pedro.user_id)).status == 200
    await joined(room_id, place.pedro)


async def _invitations_without_the_bridge(place: Place, clinic: Clinic) -> None:
    """Closed where the bridge would be asked, within the timeout, for the keeper too; messages go on."""
    professional = await clinic.professional()
    async with logged_in(clinic.platform.hospital, professional, PASSWORD) as doctor:
        for inviter in (doctor, place.pedro):
            room_id = await own_room(inviter)
            started = time.monotonic()
            reply = await inviter.invite(room_id, place.maria.user_id)
            assert time.monotonic() - started < AT_MOST_S
            assert reply.is_refusal, reply
            assert reply.body["error"] == UNKNOWN
    reply = await place.keeper.invite(place.room_id, professional)
    assert (reply.status, reply.body["error"]) == (403, UNKNOWN)
    started = time.monotonic()
    for member in (place.maria, place.garcia):
        assert (await member.send(place.room_id, "m.room.encrypted", ENCRYPTED)).status == 200
    assert time.monotonic() - started < AT_MOST_S


async def test_a_bridge_that_hangs(place: Place, clinic: Clinic) -> None:
    """Nothing hangs with it; when it goes on, so does everything."""
    async with stopped(clinic.platform.bridge.pid):
        await _invitations_without_the_bridge(place, clinic)
        room_id = await own_room(place.garcia)
        started = time.monotonic()
        # One that waits holds nobody else up.
        many = await asyncio.gather(
            place.garcia.invite(room_id, place.maria.user_id),
            *(place.maria.send(place.room_id, "m.room.encrypted", ENCRYPTED) for _ in range(5)),
        )
        assert [reply.status for reply in many] == [403, *[200] * 5]
        assert time.monotonic() - started < AT_MOST_S
    assert (await place.garcia.invite(room_id, place.maria.user_id)).status == 200


async def test_a_bridge_that_is_down(place: Place, clinic: Clinic) -> None:
    """As if it hung, only sooner."""
    bridge = clinic.platform.bridge
    await bridge.kill()
    try:
        await _invitations_without_the_bridge(place, clinic)
    finally:
        await bridge.start()
        await bridge.wait_ready()
    room_id = await own_room(place.garcia)
    assert (await place.garcia.invite(room_id, place.maria.user_id)).status == 200
