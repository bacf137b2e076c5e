"""The room of a conversation made what it should be: who is in it, who may write in it, whose servers may take part.

    care, representations, departures ──▶ desired ──▶ compared with the room ──▶ kicks, levels, joins, invitations
              (appointments/access.py)                                           └▶ noted, until time changes it

Network first, noted last: a crash in between repeats only what the room already shows. Nobody is brought in once
care has ended, but whoever is in the room stays and reads what was written; nobody writes. Who represents the
patient no more, or has left, is taken out.

Who joins a room that others are in stands invited for a while first (`encryption.introduction_s`): a client that gets
a message together with its sender, of whose keys it knows nothing, may refuse to show it and never try again (ADR 2).
"""

import asyncio
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import Parties, parties_of
from bots.consult import speaking_levels
from bridge.clock import Now
from bridge.facts import Fact, append
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.people.people import managed_among
from bridge.rooms.arrivals import note_found, note_invitation
from bridge.rooms.former_rooms import current_room, place_of, rooms_of
from bridge.rooms.room_state import (
    LEVELS,
    Content,
    content_of,
    invite_once,
    membership_in,
    present_in_room,
    set_contents,
    wanted_state,
)
from bridge.rooms.rooms import membership_of, present_in, set_membership
from bridge.settings import Settings
from bridge.storage.conversations import conversations
from bridge.storage.database import Database
from bridge.storage.reviews import make_due, postpone, settle

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Invitations that were not taken now; `at_least_s` is what the homeserver asked for."""

    people: int = 0
    at_least_s: float = 0.0


class Membership:
    """Makes rooms what they should be."""

    def __init__(self, *, database: Database, matrix: MatrixClient, settings: Settings, now: Now) -> None:
        self._database = database
        self._matrix = matrix
        self._keeper = settings.keeper_id
        self._bots = frozenset({settings.keeper_id, settings.assistant_id})
        self._introduction_s = settings.encryption.introduction_s
        self._now = now

    async def reconcile(self, row: Row[Any], *, patience_s: float) -> None:
        """Make this conversation's room what it should be now.

        Invitations to people on other servers are waited for `patience_s` at most, and made up for later. Raises
        MatrixError and HomeserverUnreachableError when the portal's own homeserver refuses or doesn't answer.
        """
        parties, managed = await self._parties(row)
        waiting = _Waiting()
        if row.applied != _digest(parties):
            noted = await self._begin(row, parties)
            content = await self._content(current_room(row))
            await self._note_found(row, noted, content)
            await self._take_out(row, parties, content)
            await self._set_state(row, parties, content)
            if parties.is_open:
                waiting = await self._bring_in(row, parties, managed, content, patience_s)
        await self._conclude(row, parties, waiting)

    async def _parties(self, row: Row[Any]) -> tuple[Parties, list[str]]:
        """Who takes part now, and who of them are managed."""
        async with self._database.read() as connection:
            parties = await parties_of(
                connection, patient=row.patient, professional=row.professional, now=self._now()
            )
            return parties, await managed_among(connection, parties.members)

    async def _begin(self, row: Row[Any], parties: Parties) -> dict[str, str | None]:
        """What these people are on record as, before the room is looked at."""
        # From here on the room may be neither what it was nor what it should be.
        async with self._database.write() as connection:
            await connection.execute(
                update(conversations).where(conversations.c.id == row.id).values(applied=None)
            )
            noted = await membership_of(connection, row.room_id, parties.members)
        return {person: noted.get(person) for person in sorted(parties.members)}

    async def _note_found(self, row: Row[Any], noted: dict[str, str | None], content: Content) -> None:
        """Whoever is in the room is in, even if we never heard that she came in (an older copy)."""
        found = [person for person in noted if membership_in(content, person) == "join" != noted[person]]
        if not found:
            return
        async with self._database.write() as connection:
            place = await place_of(connection, current_room(row))
            if place is not None and place.is_current:  # it may have been left behind a moment ago
                for person in found:
                    await note_found(connection, row.room_id, person, noted=noted[person], now=self._now())

    async def _content(self, room_id: str) -> Content:
        return await content_of(self._matrix, keeper=self._keeper, room_id=room_id)

    async def _take_out(self, row: Row[Any], parties: Parties, content: Content) -> None:
        for person in await self._kick_others(current_room(row), parties, content):
            await self._note_membership(row.room_id, person, "leave")
        async with self._database.read() as connection:
            noted = await present_in(connection, row.room_id)
            _, *former = await rooms_of(connection, row.room_id)
        for person in (
            noted - present_in_room(content) - parties.members - self._bots
        ):  # whatever made us think so
            await self._note_membership(row.room_id, person, "leave")
        for room_id in former:
            await self._keep_for_reading(room_id, parties)

    async def _keep_for_reading(self, room_id: str, parties: Parties) -> None:
        """A room that was left behind: who upgrades closes it, but after care nobody writes there in any case."""
        content = await self._content(room_id)
        await self._kick_others(room_id, parties, content)
        if not parties.is_open:
            wanted = {LEVELS[0]: speaking_levels(content[LEVELS], is_open=False)}
            await set_contents(
                self._matrix, keeper=self._keeper, room_id=room_id, content=content, wanted=wanted
            )

    async def _kick_others(self, room_id: str, parties: Parties, content: Content) -> list[str]:
        others = sorted(present_in_room(content) - parties.members - self._bots)
        for person in others:
            await self._matrix.kick(user_id=self._keeper, room_id=room_id, kicked=person)
        return others

    async def _set_state(self, row: Row[Any], parties: Parties, content: Content) -> None:
        wanted = wanted_state(row, parties, content, keeper=self._keeper, is_open=parties.is_open)
        await set_contents(
            self._matrix, keeper=self._keeper, room_id=current_room(row), content=content, wanted=wanted
        )

    async def _bring_in(
        self, row: Row[Any], parties: Parties, managed: list[str], content: Content, patience_s: float
    ) -> _Waiting:
        await self._join(row, managed, content)
        await self._note(row, "opened")
        absent = sorted(parties.members - set(managed) - present_in_room(content))
        waits = [await self._invite(row, person, patience_s) for person in absent]
        waiting = [seconds for seconds in waits if seconds is not None]
        if not waiting:
            await self._note(row, "invited")
        return _Waiting(people=len(waiting), at_least_s=max(waiting, default=0.0))

    async def _join(self, row: Row[Any], people: list[str], content: Content) -> None:
        newcomers = [one for one in people if membership_in(content, one) != "join"]
        for person in newcomers:
            if membership_in(content, person) != "invite":
                await invite_once(self._matrix, keeper=self._keeper, room_id=current_room(row), person=person)
        if newcomers and row.opened_at is not None:  # once for all: somebody may be waiting for us
            await asyncio.sleep(self._introduction_s)
        for person in people:
            if person in newcomers:
                await self._matrix.join(user_id=person, room_id=current_room(row))
            await self._note_membership(row.room_id, person, "join")

    async def _invite(self, row: Row[Any], person: str, patience_s: float) -> float | None:
        """None when the invitation was taken; else it has to wait, for so many seconds at least."""
        async with self._database.write() as connection:
            await note_invitation(connection, row.room_id, person)
        try:
            async with asyncio.timeout(patience_s):
                await invite_once(self._matrix, keeper=self._keeper, room_id=current_room(row), person=person)
        except (HomeserverUnreachableError, TimeoutError):
            return 0.0
        except MatrixError as error:
            log.warning("an invitation to %s waits: %s %s", row.room_id, error.status, error.errcode)
            return error.retry_after_s or 0.0
        return None

    async def _note_membership(self, room_id: str, person: str, membership: str) -> None:
        async with self._database.write() as connection:
            await set_membership(connection, room_id, person, membership)

    async def _note(self, row: Row[Any], step: Literal["opened", "invited"]) -> None:
        now = self._now()
        column = conversations.c.opened_at if step == "opened" else conversations.c.invited_at
        async with self._database.write() as connection:
            first = await connection.execute(
                update(conversations)
                .where(conversations.c.id == row.id, column.is_(None))
                .values({column: now})
            )
            if first.rowcount:
                kind = f"conversation.{step}"
                await append(connection, Fact(id=f"{kind}:{row.id}", kind=kind, subject=row.room_id, at=now))

    async def _conclude(self, row: Row[Any], parties: Parties, waiting: _Waiting) -> None:
        now = self._now()
        async with self._database.write() as connection:
            if waiting.people:
                await postpone(connection, row, now=now, at_least_s=waiting.at_least_s)
                return
            # The lock first: whoever changes care either committed before, or makes it due after us.
            is_latest = await _review_at(connection, row) == row.review_at
            parties_now = await parties_of(
                connection, patient=row.patient, professional=row.professional, now=now
            )
            if is_latest and _digest(parties_now) == _digest(parties):
                await settle(connection, row, applied=_digest(parties), again_at=parties_now.until)
            else:  # care changed meanwhile, or another process was at it: once more
                await make_due(connection, row, now=now)


async def _review_at(connection: AsyncConnection, row: Row[Any]) -> datetime | None:
    query = select(conversations.c.review_at).where(conversations.c.id == row.id).with_for_update()
    at: datetime | None = (await connection.execute(query)).scalar_one()
    return at


def _digest(parties: Parties) -> str:
    desired = [sorted(parties.members), parties.is_open]
    return sha256(json.dumps(desired).encode()).hexdigest()
