"""The room that is to take another's place, made ready before its conversation moves (bridge/upgrading.py).

    made so that      ─▶ managed people join ─▶ the others are invited ─▶ all of them? people may write ─▶ moved
    nobody may write

So whoever the conversation is with can follow at once, and nothing is written where not everybody can see it.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Any

from sqlalchemy import Row

from appointments.access import parties_of
from appointments.errors import NotInCareTeamError
from bridge.clock import Now
from bridge.errors import ServiceError
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.people.people import managed_among
from bridge.rooms.room_state import (
    LEVELS,
    content_of,
    invite_once,
    membership_in,
    present_in_room,
    set_contents,
    wanted_state,
)
from bridge.settings import Settings
from bridge.storage.database import Database
from bridge.storage.upgrade_statements import CAME_EARLY

log = logging.getLogger(__name__)

_PATIENCE_S = 30.0
"""What another homeserver is given to take an invitation."""


class NotInvitedError(ServiceError):
    """These `people` can't be invited now; until they are their conversation stays where it is."""

    def __init__(self, people: Collection[str]) -> None:
        super().__init__(f"{', '.join(people)} can't be invited now")
        self.people = people


class MovingIn:
    """Brings everybody into the next room of a conversation."""

    def __init__(self, *, database: Database, matrix: MatrixClient, settings: Settings, now: Now) -> None:
        self._database = database
        self._matrix = matrix
        self._keeper = settings.keeper_id
        self._now = now

    async def prepare(self, row: Row[Any], room_id: str, *, refusing: Collection[str]) -> None:
        """Have everybody who takes part in this room, or invited. Raises NotInvitedError when somebody can't be now.

        Who is known to be `refusing` is not asked. Raises NotInCareTeamError when nobody may be brought in;
        MatrixError and HomeserverUnreachableError when the portal's own homeserver refuses or doesn't answer.
        """
        async with self._database.read() as connection:
            parties = await parties_of(
                connection, patient=row.patient, professional=row.professional, now=self._now()
            )
            managed = await managed_among(connection, parties.members)
        if not parties.is_open:
            raise NotInCareTeamError
        content = await content_of(self._matrix, keeper=self._keeper, room_id=room_id)
        absent = sorted(parties.members - set(managed) - present_in_room(content))
        open_state = wanted_state(row, parties, content, keeper=self._keeper, is_open=True)
        levels = {LEVELS[0]: open_state.pop(LEVELS[0])}
        place = {"keeper": self._keeper, "room_id": room_id}
        await set_contents(self._matrix, **place, content=content, wanted=open_state)
        for person in managed:
            if membership_in(content, person) not in ("join", "invite"):
                await invite_once(self._matrix, **place, person=person)
            if membership_in(content, person) != "join":
                await self._matrix.join(user_id=person, room_id=room_id)
        refused = [one for one in absent if one in refusing or not await self._takes_invitation(room_id, one)]
        if refused:
            raise NotInvitedError(refused)
        await set_contents(self._matrix, **place, content=content, wanted=levels)

    async def note_early(self, row: Row[Any], room_id: str) -> None:
        """Who came into the room before the conversation did is new there since now; later ones are pushed."""
        events = await self._matrix.room_state(user_id=self._keeper, room_id=room_id)
        members = [event for event in events if event["type"] == "m.room.member"]
        joins = [event for event in members if event["content"].get("membership") == "join"]
        async with self._database.write() as connection:
            for event in joins:
                came = {"user": event["state_key"], "event": event["event_id"], "instant": self._now()}
                await connection.execute(CAME_EARLY, {"conversation": row.room_id, **came})

    async def _takes_invitation(self, room_id: str, person: str) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await invite_once(self._matrix, keeper=self._keeper, room_id=room_id, person=person)
        except (HomeserverUnreachableError, TimeoutError):
            return False
        except MatrixError as error:
            log.warning("an invitation to %s is refused: %s %s", room_id, error.status, error.errcode)
            return False
        return True
