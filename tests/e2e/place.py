"""A consult room and the people around it, each with a client that knows nothing of our API."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bots.consult import consult_room
from bridge.demo.homeserver import Homeserver
from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.raw_client import RawClient, logged_in, masquerading

MEGOLM = "m.megolm.v1.aes-sha2"
ENCRYPTED = {"algorithm": MEGOLM, "ciphertext": "AwgAEpAB", "session_id": "s" * 43}
CLEAR = {"msgtype": "m.text", "body": "me duele mucho"}


@dataclass(frozen=True)
class Place:
    """A consult room of `maria` (portal) and `garcia` (hospital), who are in care; `pedro` and `lopez` are not."""

    keeper: RawClient
    maria: RawClient
    pedro: RawClient
    garcia: RawClient
    lopez: RawClient
    room_id: str

    def member(self, home: str) -> RawClient:
        """The one at this server."""
        return self.maria if home == "portal" else self.garcia

    def stranger(self, home: str) -> RawClient:
        """Somebody else at this server."""
        return self.pedro if home == "portal" else self.lopez


async def made_room(keeper: RawClient, *members: RawClient) -> str:
    """A consult room as the bridge makes them, with these members."""
    body = consult_room(
        nonce="nonce",
        keeper=keeper.user_id,
        people=[member.user_id for member in members],
        notice="No es para urgencias: 112",
        rotation_period_msgs=100,
        rotation_period_ms=604_800_000,
    )
    made = await keeper.create_room(**body)
    assert made.status == 200, made
    room_id: str = made.body["room_id"]
    for member in members:
        assert (await keeper.invite(room_id, member.user_id)).status == 200
        assert (await member.join(room_id)).status == 200
    return room_id


async def own_room(client: RawClient) -> str:
    """A room of this person's own, with nobody else in it."""
    made = await client.create_room(preset="private_chat")
    assert made.status == 200, made
    room_id: str = made.body["room_id"]
    return room_id


@asynccontextmanager
async def open_place(servers: LocalPlatform, clinic: Clinic) -> AsyncGenerator[Place]:
    """The room and the four, logged in."""
    async with AsyncExitStack() as stack:

        async def client(server: Homeserver, user_id: str) -> RawClient:
            return await stack.enter_async_context(logged_in(server, user_id, PASSWORD))

        keeper = await stack.enter_async_context(masquerading(servers.settings, servers.settings.keeper_id))
        maria, pedro = [await client(servers.portal, await clinic.patient()) for _ in range(2)]
        garcia, lopez = [await client(servers.hospital, await clinic.professional()) for _ in range(2)]
        await clinic.care(patient=maria.user_id, professional=garcia.user_id)
        room_id = await made_room(keeper, maria, garcia)
        yield Place(keeper, maria, pedro, garcia, lopez, room_id)


@asynccontextmanager
async def stopped(pid: int) -> AsyncGenerator[None]:
    """The process is there, takes connections, and answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
