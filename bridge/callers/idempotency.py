"""Requests that may be sent twice: an Idempotency-Key gives the first answer again (for 24 hours).

    begin ──> new, or its worker died ──> run the request with operation_id ──> finish (answer stored)
      │                                                                    └──> release (no answer: try again)
      ├─────> finished ──> the stored answer
      ├─────> same key, other request ──> KeyReusedError
      └─────> another worker of this process is at it ──> StillRunningError

The operation id is stored before the request runs, or by the very transaction that does what it asks, and stays
the same until the row is pruned; whatever runs is idempotent by it. So a row left by a process that died is simply
run again; should that process live after all (several API processes), both give the same answer.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.errors import KeyReusedError, StillRunningError
from bridge.storage.database import Database
from bridge.storage.idempotency import idempotency
from bridge.storage.statements import insert_once

KEPT = timedelta(hours=24)

_c = idempotency.c
_ONE = select(idempotency).where(_c.scope_sha256 == bindparam("scope")).with_for_update()
_THIS = update(idempotency).where(_c.scope_sha256 == bindparam("scope"))
_TAKE = _THIS.where(_c.status.is_(None)).values(instance_id=bindparam("taker"))
_FINISH = _THIS.where(_c.status.is_(None)).values(status=bindparam("code"), answer_sealed=bindparam("sealed"))
_NOBODY = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer to be given again: its status and its JSON body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """The request is ours to run, under this operation id."""

    operation_id: str


def scope_of(*, caller: str, acting_for: str | None, method: str, path: str, key: str) -> str:
    """What an Idempotency-Key is unique within, as one opaque string."""
    parts = "\0".join((caller, acting_for or "", method, path, key))
    return sha256(parts.encode()).hexdigest()


async def begin(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    scope: str,
    request_hmac: bytes,
    instance_id: str,
    now: datetime,
    operation_id: str | None = None,
) -> Run | Answer:
    """Claim a request, or get its first answer. Raises KeyReusedError, StillRunningError.

    `operation_id` is for a request that is new; without it a random one.
    """
    operation_id = operation_id or uuid.uuid4().hex
    fresh = {
        "operation_id": operation_id,
        "request_hmac": request_hmac,
        "instance_id": instance_id,
        "started_at": now,
    }
    if await insert_once(connection, idempotency, scope_sha256=scope, **fresh):
        return Run(operation_id)
    row = (await connection.execute(_ONE, {"scope": scope})).one()
    if row.started_at <= now - KEPT:
        forgotten = _THIS.values(**fresh, status=None, answer_sealed=None)
        await connection.execute(forgotten, {"scope": scope})
        return Run(operation_id)
    if row.request_hmac != request_hmac:
        raise KeyReusedError
    if row.status is not None:
        return Answer(status=row.status, body=sealer.open(row.answer_sealed, context=_context(scope)))
    if row.instance_id == instance_id:
        raise StillRunningError
    await connection.execute(_TAKE, {"scope": scope, "taker": instance_id})
    return Run(row.operation_id)


async def finish(connection: AsyncConnection, *, sealer: Sealer, scope: str, answer: Answer) -> None:
    """Keep the answer for whoever asks again."""
    sealed = sealer.seal(answer.body, context=_context(scope))
    await connection.execute(_FINISH, {"scope": scope, "code": answer.status, "sealed": sealed})


async def release(connection: AsyncConnection, *, scope: str) -> None:
    """There is no answer worth keeping: whoever asks again runs it, under the same operation id."""
    await connection.execute(_TAKE, {"scope": scope, "taker": _NOBODY})


async def prune(connection: AsyncConnection, *, now: datetime) -> int:
    """Forget requests older than 24 hours; how many they were."""
    return (await connection.execute(delete(idempotency).where(_c.started_at <= now - KEPT))).rowcount


class AnsweredBeforeError(Exception):
    """The request was answered before; nothing has to be done."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Running:
    """The requests that this process is at, before their claims are in the database too."""

    def __init__(self) -> None:
        self._asked: dict[str, bytes] = {}

    @contextmanager
    def hold(self, scope: str, request_hmac: bytes) -> Iterator[None]:
        """For as long as it runs. Raises KeyReusedError, StillRunningError."""
        asked = self._asked.get(scope)
        if asked is not None:
            raise StillRunningError if asked == request_hmac else KeyReusedError
        self._asked[scope] = request_hmac
        try:
            yield
        finally:
            del self._asked[scope]


class Claim:
    """A request of this process: claimed and answered by transactions of its own, or by those that do its work.

    None of its own waits for the disk: what the work commits makes the claim last, and without the answer the same
    operation runs once more and gives it.
    """

    def __init__(
        self,
        *,
        database: Database,
        sealer: Sealer,
        scope: str,
        request_hmac: bytes,
        instance_id: str,
        operation_id: str,
        now: Now,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._scope = scope
        self._request: dict[str, Any] = {
            "request_hmac": request_hmac,
            "instance_id": instance_id,
            "operation_id": operation_id,
        }
        self._now = now
        self._is_made = self._is_answered = False

    async def begin(self) -> str:
        """Claim it: the operation id. Raises AnsweredBeforeError, KeyReusedError, StillRunningError."""
        self._is_made = False  # what `begin_within` had made was undone
        async with self._database.write(synced=False) as connection:
            begun = await begin(
                connection, sealer=self._sealer, scope=self._scope, now=self._now(), **self._request
            )
        if isinstance(begun, Answer):
            raise AnsweredBeforeError(begun)
        self._is_made = True
        return begun.operation_id

    async def begin_within(self, connection: AsyncConnection) -> bool:
        """Claim it for good with the caller's commit; False for what `begin` has more to say about."""
        fresh = self._request | {"started_at": self._now()}
        self._is_made = await insert_once(connection, idempotency, scope_sha256=self._scope, **fresh)
        return self._is_made

    async def finish_within(self, connection: AsyncConnection, answer: Answer) -> None:
        """Keep the answer with the caller's commit."""
        await finish(connection, sealer=self._sealer, scope=self._scope, answer=answer)
        self._is_answered = True

    async def finish(self, answer: Answer) -> None:
        """Keep the answer, if that is not done."""
        if not self._is_answered:
            async with self._database.write(synced=False) as connection:
                await self.finish_within(connection, answer)

    async def release(self) -> None:
        """There is no answer worth keeping."""
        if self._is_made:
            async with self._database.write(synced=False) as connection:
                await release(connection, scope=self._scope)


def _context(scope: str) -> str:
    return f"idempotency:{scope}"
