"""Catching up with what the homeserver threw away.

A push that fails loses its to-device messages, receipts and device lists, and while the homeserver thinks us
down it sends none. A device's own `/sync` gets them, 100 messages at a time; they go the way of a push.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.clock import Now
from bridge.e2ee import tracking
from bridge.inbound.dispatch import Dispatcher
from bridge.inbound.inbox import store
from bridge.inbound.items import items_of_transaction
from bridge.matrix.answers import Synced
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject
from bridge.matrix.transport import parse_answer
from bridge.storage.catch_up import catch_up
from bridge.storage.database import Database
from bridge.storage.statements import upsert

log = logging.getLogger(__name__)

_TOGETHER = 50  # devices whose answers are stored in one transaction
_AT_ONCE = 8  # requests: each keeps the homeserver busy for about 6 ms
_SETTLE_S = 10.0
_NOTHING: JsonObject = {"types": []}
_FILTER: JsonObject = {
    "presence": _NOTHING,
    "account_data": _NOTHING,
    "room": {
        "timeline": _NOTHING,
        "state": _NOTHING,
        "account_data": _NOTHING,
        "ephemeral": {"types": ["m.receipt"]},
    },
}

Device = tuple[str, str]
"""A user id and the id of that user's device."""


@dataclass(frozen=True, slots=True)
class _Answer:
    user_id: str
    device_id: str
    is_first: bool
    synced: Synced


class CatchUp:
    """Fetches what waits for our devices at the homeserver.

    `republish` is told of a device (user id, device id) that the homeserver does not know any more.
    """

    def __init__(
        self,
        *,
        database: Database,
        client: MatrixClient,
        dispatcher: Dispatcher,
        republish: Callable[[str, str], Awaitable[None]],
        now: Now,
    ) -> None:
        self._database = database
        self._client = client
        self._dispatcher = dispatcher
        self._republish = republish
        self._now = now
        self._requests = asyncio.Semaphore(_AT_ONCE)

    async def begin(self, user_id: str, device_id: str) -> None:
        """Have the homeserver tell a device that was just made of changes from now on. May be repeated.

        It tells of changed device lists only since a token. Messages that wait already are left to `catch_up`,
        in the process that handles what comes. Raises as that does.
        """
        if (user_id, device_id) in await self._since([(user_id, device_id)]):
            return
        asked_at = self._now()
        answer = await self._ask(user_id, device_id, None)
        if answer is not None and not answer.synced.to_device.events:
            async with self._database.write() as connection:
                await _reached(connection, answer, asked_at=asked_at)

    async def catch_up(self, user_id: str, device_id: str) -> None:
        """Fetch what waits for one device, and wait until it is handled (10 seconds at most).

        Not for handlers of to-device messages, device lists and key counts, which would wait for themselves.
        Raises MatrixError (temporary ones) and HomeserverUnreachableError.
        """
        await self.catch_up_all([(user_id, device_id)])

    async def catch_up_all(self, devices: Iterable[Device]) -> None:
        """The same for many devices. One that the homeserver doesn't know is published again later."""
        for some in _in_groups(list(devices)):
            await self._catch_up_some(some)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_S):
                await self._dispatcher.keys_settled()

    async def _catch_up_some(self, devices: Sequence[Device]) -> None:
        since = await self._since(devices)
        waiting = list(devices)
        while waiting:
            asked_at = self._now()
            results = await asyncio.gather(
                *(
                    self._ask(user_id, device_id, since.get((user_id, device_id)))
                    for user_id, device_id in waiting
                ),
                return_exceptions=True,
            )
            answers = [result for result in results if isinstance(result, _Answer)]
            await self._keep(answers, asked_at=asked_at)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            since = {(one.user_id, one.device_id): one.synced.next_batch for one in answers}
            # The next request tells the homeserver that it may delete these.
            waiting = [(one.user_id, one.device_id) for one in answers if one.synced.to_device.events]

    async def _since(self, devices: Sequence[Device]) -> Mapping[Device, str]:
        columns = (catch_up.c.user_id, catch_up.c.device_id, catch_up.c.since)
        users = [user_id for user_id, _ in devices]
        async with self._database.read() as connection:
            found = await connection.execute(select(*columns).where(catch_up.c.user_id.in_(users)))
            return {(user_id, device_id): since for user_id, device_id, since in found}

    async def _ask(self, user_id: str, device_id: str, since: str | None) -> _Answer | None:
        # The homeserver answers a repeated request from a cache for two minutes: a new key asks anew.
        asked = {**_FILTER, "es.videoconsulta.request": uuid4().hex}
        try:
            async with self._requests:
                answer = await self._client.sync(
                    user_id=user_id, device_id=device_id, since=since, sync_filter=asked, timeout_ms=0
                )
        except MatrixError as error:
            if error.is_temporary:
                raise
            log.warning("device %s of %s can't catch up: %s", device_id, user_id, error.errcode)
            if error.errcode == "M_UNKNOWN_DEVICE":
                async with self._database.write() as connection:
                    await connection.execute(delete(catch_up).where(catch_up.c.device_id == device_id))
                await self._republish(user_id, device_id)
            return None
        return _Answer(user_id, device_id, is_first=since is None, synced=parse_answer(Synced, answer))

    async def _keep(self, answers: Sequence[_Answer], *, asked_at: datetime) -> None:
        if not answers:
            return
        items = items_of_transaction(_as_push(answers))
        async with self._database.write() as connection:
            stored = await store(connection, items, at=asked_at)
            for one in answers:
                await _reached(connection, one, asked_at=asked_at)
            if any(one.is_first for one in answers):
                # Without a token nothing was said of the device lists that changed before.
                await tracking.mark_all_changed(connection)
        self._dispatcher.submit(stored)


async def _reached(connection: AsyncConnection, answer: _Answer, *, asked_at: datetime) -> None:
    values: JsonObject = {"since": answer.synced.next_batch}
    if not answer.synced.to_device.events:
        values["emptied_at"] = asked_at
    key = {"user_id": answer.user_id, "device_id": answer.device_id}
    await upsert(connection, catch_up, key=key, values=values)


def _as_push(answers: Sequence[_Answer]) -> JsonObject:
    return {
        "de.sorunome.msc2409.to_device": [
            {**message, "to_user_id": one.user_id, "to_device_id": one.device_id}
            for one in answers
            for message in one.synced.to_device.events
        ],
        "org.matrix.msc3202.device_lists": {"changed": _changed_users(answers)},
        "org.matrix.msc3202.device_one_time_keys_count": {
            one.user_id: {one.device_id: one.synced.device_one_time_keys_count} for one in answers
        },
        "org.matrix.msc3202.device_unused_fallback_key_types": {
            one.user_id: {one.device_id: one.synced.device_unused_fallback_key_types} for one in answers
        },
        "ephemeral": [receipts for one in answers for receipts in _receipts(one.synced.rooms)],
    }


def _changed_users(answers: Sequence[_Answer]) -> list[str]:
    # Who shares no room with one of our users any more may share one with another.
    lists = [one.synced.device_lists for one in answers]
    return sorted({user for one in lists for key in ("changed", "left") for user in one.get(key) or ()})


def _receipts(rooms: JsonObject) -> Iterator[JsonObject]:
    for room_id, room in (rooms.get("join") or {}).items():
        for ephemeral in room.get("ephemeral", {}).get("events", []):
            yield {**ephemeral, "room_id": room_id}


def _in_groups(devices: list[Device]) -> Iterator[list[Device]]:
    for start in range(0, len(devices), _TOGETHER):
        yield devices[start : start + _TOGETHER]
