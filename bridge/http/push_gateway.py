"""Our push gateway (Matrix push gateway API): what homeservers' pushers tell becomes deliveries by push.

For people with a Matrix client of their own, whose pusher names a subscription of ours as its pushkey. Pushkeys are
what authenticates a homeserver here (the specification has nothing else): 192 random bits. Of what it says only ids
are used, and only of conversations that the person may read.
"""

from collections.abc import Mapping
from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.deliveries import ledger, subscriptions
from bridge.http.limits import PushLimits, address_of
from bridge.http.problems import Problem, ProblemError
from bridge.http.requests import read_json
from bridge.notifications.news import push_of
from bridge.rooms.former_rooms import place_of
from bridge.rooms.reading_rights import may_read
from bridge.storage.conversations import room_members
from bridge.storage.database import Database
from bridge.storage.direct_chats import direct_chats

PATH = "/_matrix/push/v1/notify"
_MOST_BYTES = 64 * 1024
_PRINTABLE = r"^[!-~]*$"  # PostgreSQL takes no NUL


class _Device(BaseModel):
    pushkey: str = Field(max_length=512, pattern=_PRINTABLE)


class _Notification(BaseModel):
    devices: list[_Device] = Field(max_length=100)
    event_id: str | None = Field(default=None, max_length=255, pattern=_PRINTABLE)
    room_id: str | None = Field(default=None, max_length=255, pattern=_PRINTABLE)


class _Notify(BaseModel):
    notification: _Notification


class PushGateway:
    """Takes notifications in."""

    def __init__(
        self, *, database: Database, sealer: Sealer, limits: PushLimits, proxies_in_front: int, now: Now
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._limits = limits
        self._proxies_in_front = proxies_in_front
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """The one route of the push gateway API."""
        return [web.post(PATH, self.notify)]

    async def notify(self, request: web.Request) -> web.Response:
        """`POST /_matrix/push/v1/notify`: `rejected` names pushkeys that nobody has (any more)."""
        address = address_of(request, proxies=self._proxies_in_front)
        self._limits.notification(address)
        raw = await read_json(request, limit=_MOST_BYTES)
        try:
            notification = _Notify.model_validate(raw).notification
        except ValidationError as error:
            raise ProblemError(Problem.BAD_REQUEST) from error
        pushkeys = [device.pushkey for device in notification.devices]
        async with self._database.read() as connection:  # strangers must not hold up who writes
            people = await subscriptions.people_of(connection, pushkeys)
        rejected = [pushkey for pushkey in pushkeys if pushkey not in people]
        for _ in rejected:
            self._limits.unknown(address)
        if people and notification.room_id and notification.event_id:
            await self._enqueue(people, notification.room_id, notification.event_id)
        # Without an event it is only a new count for the badge.
        return web.json_response({"rejected": rejected})

    async def _enqueue(self, people: Mapping[str, str], room_id: str, event_id: str) -> None:
        now = self._now()
        async with self._database.write() as connection:
            place = await place_of(connection, room_id)
            room_id = room_id if place is None else place.conversation_id
            for pushkey, person in people.items():
                if await _is_told(connection, person, room_id, now=now):
                    delivery = push_of(
                        subscription_id=pushkey,
                        person=person,
                        conversation_id=room_id,
                        message_id=event_id,
                        due_at=now,
                    )
                    await ledger.enqueue(connection, delivery, sealer=self._sealer)


async def _is_told(connection: AsyncConnection, person: str, room_id: str, *, now: datetime) -> bool:
    """Of conversations that she may read, her invitation included; of her chat with the assistant once she is in it.

    For a conversation it is not asked whether she is in: a pusher may be faster than what tells us that she joined.
    """
    if await may_read(connection, reader=person, room_id=room_id, now=now):
        return True
    own = select(direct_chats.c.person).join(room_members, room_members.c.room_id == direct_chats.c.room_id)
    query = own.where(
        direct_chats.c.room_id == room_id,
        direct_chats.c.person == person,
        room_members.c.user_id == person,
        room_members.c.membership == "join",
    )
    return (await connection.execute(query)).first() is not None
