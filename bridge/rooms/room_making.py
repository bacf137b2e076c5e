"""Consult rooms are made here, each once as far as anybody can see.

createRoom is not idempotent. So the room is made with nobody in it; a crash before its id is stored leaves a room
that only the keeper saw, and which is recognised by its nonce afterwards.
"""

from typing import Any

from sqlalchemy import Row

from bots.assistant import room_notice
from bots.consult import NONCE, ROOM_VERSION, consult_room
from bridge.matrix.client import MatrixClient
from bridge.rooms.former_rooms import all_rooms
from bridge.settings import Settings
from bridge.storage.database import Database


class RoomMaking:
    """Makes rooms as the keeper."""

    def __init__(self, *, database: Database, matrix: MatrixClient, settings: Settings) -> None:
        self._database = database
        self._matrix = matrix
        self._settings = settings

    async def create(self, row: Row[Any]) -> str:
        """A new room for the conversation in this row, with nobody in it: its id."""
        return await self._create(row, nonce=row.nonce)

    async def create_successor(self, row: Row[Any], *, nonce: str, version: str, former: str) -> str:
        """The same, made to take the place of the room `former`."""
        return await self._create(row, nonce=nonce, version=version, former=former)

    async def _create(
        self, row: Row[Any], *, nonce: str, version: str = ROOM_VERSION, former: str | None = None
    ) -> str:
        body = consult_room(
            nonce=nonce,
            keeper=self._settings.keeper_id,
            people=(row.patient, row.professional),
            notice=room_notice(self._settings.clinic),
            rotation_period_msgs=row.rotation_period_msgs,
            rotation_period_ms=row.rotation_period_ms,
            version=version,
            former=former,
        )
        return await self._matrix.create_room(user_id=self._settings.keeper_id, body=body)

    async def left_by_a_crash(self, nonce: str) -> str | None:
        """The room that was made for this conversation before its id could be stored, if it is whole."""
        keeper = self._settings.keeper_id
        async with self._database.read() as connection:
            known = await all_rooms(connection)
        for room_id in await self._matrix.joined_rooms(user_id=keeper):
            if room_id in known:
                continue
            events = await self._matrix.room_state(user_id=keeper, room_id=room_id)
            contents = {event["type"]: event["content"] for event in events}
            is_ours = contents.get("m.room.create", {}).get(NONCE) == nonce
            # The last state that createRoom sets: a room without it was left half made, and nobody saw it.
            if is_ours and "io.element.functional_members" in contents:
                return room_id
        return None
