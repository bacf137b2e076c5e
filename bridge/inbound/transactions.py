"""What the homeserver calls (application service API): pushes, pings, and questions about users and rooms.

A push is answered 200 once everything in it is stored, and only then: to-device messages, receipts and
device lists of a push that failed are never sent again.
"""

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from aiohttp import web

from bridge.clock import Now
from bridge.inbound.at_once import AtOnce, Handled
from bridge.inbound.dispatch import Dispatcher
from bridge.inbound.inbox import StoredItem, store
from bridge.inbound.items import COUNTS, EVENT, UNUSED_FALLBACK, InboxItem, items_of_transaction
from bridge.matrix.json import JsonObject
from bridge.retries import where
from bridge.storage.database import Database

log = logging.getLogger(__name__)

_LARGEST_PUSH_BYTES = 64 * 1024 * 1024  # 100 events and 100 messages of 64 KiB each, and room to spare
_COUNTS_KEPT_FOR = timedelta(minutes=1)
Handler = Callable[[web.Request], Awaitable[web.Response]]


class Transactions:
    """Stores pushes; what of them is not handled at once goes to the dispatcher.

    `tell` is called with what was handled and committed when it concerns somebody's streams; `on_trouble` when the
    homeserver may have thought us down, and so has thrown something away.
    """

    def __init__(
        self,
        *,
        database: Database,
        dispatcher: Dispatcher,
        at_once: AtOnce,
        tell: Callable[[Handled], None],
        now: Now,
        on_trouble: Callable[[], None],
    ) -> None:
        self._database = database
        self._dispatcher = dispatcher
        self._at_once = at_once
        self._tell = tell
        self._one_by_one = asyncio.Lock()
        self._now = now
        self._on_trouble = on_trouble
        self._counts = CountsNews()

    async def receive(self, body: JsonObject) -> None:
        """Store everything in the body of a push. Raises what the database raises: nothing is stored then."""
        if not any(body.values()):
            # A push that failed is tried again without what it had beside events: this one had nothing else.
            self._on_trouble()
            return
        await self.take(items_of_transaction(self._counts.only_news(body, now=self._now())))

    async def take(self, items: Sequence[InboxItem]) -> None:
        """Store what was pushed, or should have been. Raises as `receive` does."""
        if not items:
            return
        async with self._one_by_one:  # what follows in a room finds what was left of it with the dispatcher
            stored, handled = await self._store(items, at=self._now())
            self._dispatcher.submit(handled.left)
        if handled.told:
            self._tell(handled)
            await asyncio.sleep(0)  # the streams go first: answering the homeserver takes longer than telling
        if _events(items) - _events(stored):
            # Some were pushed before: the homeserver missed our answer and tries again, or crashed meanwhile.
            self._on_trouble()

    async def _store(self, items: Sequence[InboxItem], *, at: datetime) -> tuple[list[StoredItem], Handled]:
        """What is new, and what of that was handled."""
        try:
            async with self._database.write() as connection:
                stored = await store(connection, items, at=at)
                handled = await self._at_once.handle(connection, stored, is_busy=self._dispatcher.is_busy)
            return stored, handled  # noqa: TRY300 — only the commit makes it so
        except Exception as error:  # noqa: BLE001 — whatever it is, the push can still be stored
            log.warning("a push is handled later: %s", where(error))
        async with self._database.write() as connection:
            stored = await store(connection, items, at=at)
        return stored, Handled(stored)

    async def put(self, request: web.Request) -> web.Response:
        """`PUT /_matrix/app/v1/transactions/{txnId}`."""
        try:
            body = _parsed(await _read(request))
            if body is None:
                log.error("a push was no JSON object, or too large: refused")
                self._on_trouble()
                return refusal(400, "M_NOT_JSON", "Expected a JSON object")
            await self.receive(body)
        except Exception as error:  # noqa: BLE001 — the homeserver is told, and tries again
            log.error("a push could not be stored: %s", where(error))  # noqa: TRY400
            self._on_trouble()
            return refusal(500, "M_UNKNOWN", "Not stored")
        return web.json_response({})


class CountsNews:
    """Leaves out counts of keys that say what they said within the last minute.

    Nearly every push repeats them, and what they say costs more to see than that they are the same. They count again
    after a minute, for a device may have filled up and run down to the same number in between.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Any, Any]] = {}
        self._since: datetime | None = None

    def only_news(self, body: JsonObject, *, now: datetime) -> JsonObject:
        """A push, without what was seen before about keys. What has another shape stays as it is."""
        if self._since is None or now - self._since >= _COUNTS_KEPT_FOR:
            self._seen, self._since = {}, now
        counts, unused = body.get(COUNTS) or {}, body.get(UNUSED_FALLBACK) or {}
        if not isinstance(counts, dict) or not isinstance(unused, dict):
            return body
        said = {user: (counts.get(user), unused.get(user)) for user in counts.keys() | unused.keys()}
        news = {user: both for user, both in said.items() if self._seen.get(user) != both}
        self._seen |= news
        return body | {
            COUNTS: {user: counts[user] for user in news if user in counts},
            UNUSED_FALLBACK: {user: unused[user] for user in news if user in unused},
        }


def _events(items: Iterable[InboxItem | StoredItem]) -> set[str]:
    return {item.payload["event_id"] for item in items if item.kind == EVENT}


def appservice_routes(*, hs_token: str, transactions: Transactions) -> list[web.RouteDef]:
    """The routes of the application service API. Their errors are the Matrix specification's."""
    guarded = partial(for_homeserver, token=hs_token)
    return [
        web.put("/_matrix/app/v1/transactions/{txn_id}", guarded(transactions.put)),
        web.post("/_matrix/app/v1/ping", guarded(_pong)),
        web.get("/_matrix/app/v1/users/{user_id}", guarded(_not_found), allow_head=False),
        web.get("/_matrix/app/v1/rooms/{room_alias}", guarded(_not_found), allow_head=False),
    ]


def for_homeserver(handler: Handler, *, token: str) -> Handler:
    """The handler, for who shows this token only: no token is a 401, another a 403, as the specification has it."""
    expected = f"Bearer {token}".encode()

    async def guarded(request: web.Request) -> web.Response:
        given = request.headers.get("Authorization")
        if given is None:
            return refusal(401, "M_UNAUTHORIZED", "The homeserver's token is missing")
        if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected):
            return refusal(403, "M_FORBIDDEN", "Not the homeserver's token")
        return await handler(request)

    return guarded


async def _pong(_request: web.Request) -> web.Response:
    return web.json_response({})


async def _not_found(_request: web.Request) -> web.Response:
    # Users are made by us before they are spoken of, and we have no aliases: nothing is made on demand.
    return refusal(404, "M_NOT_FOUND", "There is none")


def refusal(status: int, errcode: str, message: str) -> web.Response:
    """An error as the Matrix specification has them."""
    return web.json_response({"errcode": errcode, "error": message}, status=status)


async def _read(request: web.Request) -> bytes:
    # Not request.read(): its limit is meant for integrators, and a push refused for size would come for ever.
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > _LARGEST_PUSH_BYTES:
            return b""
    return bytes(body)


def _parsed(raw: bytes) -> JsonObject | None:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
