"""What the portal's module does about a hospital that has none, and what it tells of deliveries to it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest

from bridge.demo.certificates import certificate_files
from bridge.demo.homeserver import Homeserver
from bridge.demo.platform import LocalPlatform
from tests.e2e.place import CLEAR, ENCRYPTED, Place, own_room, stopped
from tests.e2e.raw_client import Reply
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

DELIVERED = "/_synapse/client/videoconsulta/v1/delivered"


@asynccontextmanager
async def _unguarded(servers: LocalPlatform) -> AsyncGenerator[None]:
    """The hospital runs a homeserver without our module."""
    lenient = Homeserver(
        role="hospital",
        directory=servers.hospital.directory,
        client_port=servers.hospital.client_port,
        federation_port=servers.hospital.federation_port,
        federation_servers=[servers.portal.server_name],
        certificates=certificate_files(servers.config.parent / "tls"),
    )
    await servers.hospital.stop()
    try:
        await lenient.start()
        await lenient.wait_ready()
        yield
    finally:
        await lenient.stop()
        await servers.hospital.start()
        await servers.hospital.wait_ready()


async def _shown(place: Place, event_id: str) -> bool:
    """Whether the portal shows this event to Maria, in any of the ways there are."""
    room = quote(place.room_id)
    reply = await place.maria.request("GET", f"/rooms/{room}/event/{quote(event_id, safe='')}")
    joined = (await place.maria.synced())["join"][place.room_id]["timeline"]["events"]
    return (
        reply.status == 200
        or event_id in await place.maria.event_ids(place.room_id)
        or event_id in [event["event_id"] for event in joined]
    )


async def test_a_hospital_without_the_module(place: Place, servers: LocalPlatform) -> None:
    """What its people write in clear is never shown at the portal; the room stays what it is, and readable."""

    async def is_shown(event_id: str) -> bool:
        return await _shown(place, event_id)

    async with _unguarded(servers):
        hidden = []
        for event_type, content in (
            ("m.room.message", CLEAR),
            ("m.room.encrypted", CLEAR),
            ("m.sticker", CLEAR),
        ):
            reply = await place.garcia.send(place.room_id, event_type, content)
            assert reply.status == 200, reply
            hidden.append(reply.body["event_id"])
        after = await place.garcia.send(place.room_id, "m.room.encrypted", ENCRYPTED)
        await eventually(lambda: is_shown(after.body["event_id"]), until=bool)
        for event_id in hidden:
            assert not await is_shown(event_id)
        assert CLEAR["body"] not in str(await place.maria.synced())
        # Power levels bind that server too, and invitations are the portal's to take.
        for event_type in ("m.room.encryption", "m.room.join_rules"):
            assert (
                await place.garcia.put_state(place.room_id, event_type, {"join_rule": "public"})
            ).is_refusal
        room_id = await own_room(place.lopez)
        assert (await place.lopez.invite(room_id, place.maria.user_id)).status == 403
        false = await place.garcia.create_room(
            creation_content={"type": "es.videoconsulta.consult"}, invite=[place.maria.user_id]
        )
        assert false.status == 403, false
    # And the room goes on: the hidden events have cut nothing off.
    back = await place.maria.send(place.room_id, "m.room.encrypted", ENCRYPTED)
    assert back.status == 200, back

    async def arrived() -> bool:
        return back.body["event_id"] in await place.garcia.event_ids(place.room_id)

    await eventually(arrived, until=bool)


async def _ask_delivered(place: Place, servers: LocalPlatform, event_id: str, *, secret: str) -> Reply:
    async with place.keeper.http.post(
        DELIVERED,
        json={"server": servers.hospital.server_name, "event_ids": [event_id]},
        headers={"Authorization": f"Bearer {secret}"},
    ) as response:
        return Reply(response.status, await response.json())


async def test_up_to_where_the_hospital_has_been_sent_events(place: Place, servers: LocalPlatform) -> None:
    """Behind while the hospital answers nothing, level once it does; for who has the secret."""
    policy = servers.settings.policy
    assert policy is not None
    secret = policy.secret.get_secret_value()

    async def has_arrived(event_id: str) -> bool:
        reply = await _ask_delivered(place, servers, event_id, secret=secret)
        assert reply.status == 200, reply
        return bool((reply.body["sent"] or 0) >= reply.body["events"][event_id])  # null: never sent anything

    async with stopped(servers.hospital.pid):
        late = await place.maria.send(place.room_id, "m.room.encrypted", ENCRYPTED)
        assert not await has_arrived(late.body["event_id"])
    await eventually(lambda: has_arrived(late.body["event_id"]), until=bool, within_s=60)
    assert (await _ask_delivered(place, servers, "$nothing", secret=secret)).body["events"] == {}
    assert (await _ask_delivered(place, servers, "$nothing", secret="x" * 20)).status == 401
