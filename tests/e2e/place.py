"""A consult room and the people around it, each with a client that knows nothing of our API."""

import os
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from appointments.access import require_speaker
from bridge import app
from bridge.demo.homeserver import Homeserver
from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.raw_client import RawClient, logged_in, masquerading
from tests.e2e.world import eventually

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


async def made_room(clinic: Clinic, *, patient: str, professional: str) -> str:
    """The consult room of these two, from now on in care, made by the bridge; both are invited."""
    await clinic.care(patient=patient, professional=professional)
    async with app.opened(clinic.platform.settings) as gateway:
        async with gateway.database.read() as connection:
            care = await require_speaker(connection, sender=patient, other=professional, now=gateway.now())
        return await gateway.conversations.open(care)


async def joined(room_id: str, *members: RawClient) -> None:
    """They take their invitations."""
    for member in members:

        async def join(client: RawClient = member) -> int:
            return (await client.join(room_id)).status

        await eventually(join, until=lambda status: status == 200)


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
        room_id = await made_room(clinic, patient=maria.user_id, professional=garcia.user_id)
        await joined(room_id, maria, garcia)
        yield Place(keeper, maria, pedro, garcia, lopez, room_id)


@asynccontextmanager
async def stopped(pid: int) -> AsyncGenerator[None]:
    """The process is there, takes connections, and answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
