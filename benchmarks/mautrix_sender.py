"""The peer: the same messages through mautrix-python's encryption (Olm in libolm, keys in SQLite).

Runs in an environment of its own. Reads a JSON command a line and answers each with one JSON line:
`rooms` and `devices` first, then `send` and `share` as often as wanted.
"""

import asyncio
import json
import logging
import sys
import time
from typing import Any

from mautrix.client import Client
from mautrix.client.state_store import MemoryStateStore
from mautrix.crypto import OlmMachine, PgCryptoStore
from mautrix.types import (
    EncryptionAlgorithm,
    EventType,
    Member,
    Membership,
    MessageType,
    RoomEncryptionStateEventContent,
    RoomID,
    TextMessageEventContent,
    UserID,
)
from mautrix.util.async_db import Database


class Rooms(MemoryStateStore):
    """What mautrix knows of rooms, in memory."""

    async def find_shared_rooms(self, user_id: UserID) -> list[RoomID]:
        """Nobody's devices change while we measure."""
        assert user_id
        return []


class Sender:
    """Answers the commands."""

    def __init__(self, *, url: str, token: str, database: str) -> None:
        self._url = url
        self._token = token
        self._database = Database.create(f"sqlite:{database}", upgrade_table=PgCryptoStore.upgrade_table)
        self._store = Rooms()
        self._clients: dict[str, Client] = {}
        self._rooms: list[tuple[Client, str]] = []

    async def open(self) -> None:
        """Make the database."""
        await self._database.start()

    async def close(self) -> None:
        """Close everything."""
        for client in self._clients.values():
            await client.api.session.close()
        await self._database.stop()

    async def rooms(self, rooms: list[dict[str, Any]]) -> dict[str, Any]:
        """Learn the rooms: in each, `patient` writes to `members`, with the room's rotation."""
        for room in rooms:
            encryption = RoomEncryptionStateEventContent(
                algorithm=EncryptionAlgorithm.MEGOLM_V1,
                rotation_period_msgs=room["rotation_period_msgs"],
                rotation_period_ms=room["rotation_period_ms"],
            )
            await self._store.set_encryption_info(room["room_id"], encryption)
            members = {user_id: Member(membership=Membership.JOIN) for user_id in room["members"]}
            await self._store.set_members(room["room_id"], members)
            self._rooms.append((self._clients[room["patient"]], room["room_id"]))
        return {}

    async def devices(self, users: list[str]) -> dict[str, Any]:
        """Give each of these users a device with published keys; the processor seconds it took."""
        used = time.process_time()
        for user_id in users:
            store = PgCryptoStore(user_id, "bench", self._database)
            await store.open()
            client = Client(
                base_url=self._url, mxid=UserID(user_id), token=self._token, state_store=self._store
            )
            await client.create_device_msc4190(device_id="", initial_display_name="bench")
            client.crypto = OlmMachine(client, store, self._store)
            await client.crypto.load()
            await store.put_device_id(client.device_id)
            await client.crypto.share_keys()
            self._clients[user_id] = client
        return {"cpu_s": time.process_time() - used}

    async def share(self, room_id: str, sender: str, users: list[str]) -> dict[str, Any]:
        """Make a session and give it to these users' devices; the processor seconds it took."""
        used = time.process_time()
        await self._clients[sender].crypto.share_group_session(RoomID(room_id), list(map(UserID, users)))
        return {"cpu_s": time.process_time() - used}

    async def send(self, messages: int, connections: int, body: str) -> dict[str, Any]:
        """Send so many, on so many connections at once; the seconds, and the processor's."""
        tickets = iter(range(messages))

        async def work(connection: int) -> None:
            client, room_id = self._rooms[connection]
            for _ in tickets:
                content = TextMessageEventContent(msgtype=MessageType.TEXT, body=body)
                await client.send_message_event(RoomID(room_id), EventType.ROOM_MESSAGE, content)

        start, used = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work(connection) for connection in range(connections)))
        return {"seconds": time.perf_counter() - start, "cpu_s": time.process_time() - used}


async def main() -> None:
    """Answer until standard input ends."""
    logging.disable(logging.WARNING)  # it says of every recipient that her device is not cross-signed
    loop = asyncio.get_running_loop()
    options = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    sender = Sender(**options)
    await sender.open()
    print(json.dumps({}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        answer = await getattr(sender, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)
    await sender.close()


asyncio.run(main())
