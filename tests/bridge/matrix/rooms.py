"""Rooms and messages at a homeserver, made by whoever tests what it does with them."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bots.consult import consult_room

ENCRYPTED = "m.room.encrypted"


def megolm(body: str) -> dict[str, Any]:
    """The content of an encrypted event, as good as encrypted: consult rooms take no other."""
    return {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": body}


@dataclass(frozen=True)
class Cast:
    """Who owns the room, and two people who may be in it."""

    keeper: str
    lucia: str
    juan: str


class Rooms:
    """What the suites of the contract do with `homeserver`, which has the methods of MatrixClient."""

    async def make_room(
        self,
        homeserver: Any,
        cast: Cast,
        *,
        nonce: str = "nonce",
        members: list[str] | None = None,
        former: str | None = None,
    ) -> str:
        """A consult room as we make them, with these members."""
        body = consult_room(
            nonce=nonce,
            keeper=cast.keeper,
            people=(cast.lucia, cast.juan),
            notice="notice",
            rotation_period_msgs=100,
            rotation_period_ms=604_800_000,
            former=former,
        )
        room_id: str = await homeserver.create_room(user_id=cast.keeper, body=body)
        for member in members or []:
            await homeserver.invite(user_id=cast.keeper, room_id=room_id, invitee=member)
            await homeserver.join(user_id=member, room_id=room_id)
        return room_id

    async def membership(self, homeserver: Any, cast: Cast, room_id: str, user_id: str) -> str | None:
        """What somebody is in the room, as the keeper sees it."""
        content = await homeserver.state_event(
            user_id=cast.keeper, room_id=room_id, event_type="m.room.member", state_key=user_id
        )
        return None if content is None else str(content["membership"])

    async def say(
        self, homeserver: Any, room_id: str, sender: str, body: str, *, txn_id: str | None = None
    ) -> str:
        """A message, as good as encrypted."""
        return await self.send(homeserver, room_id, sender, ENCRYPTED, megolm(body), txn_id=txn_id)

    async def send(
        self,
        homeserver: Any,
        room_id: str,
        sender: str,
        event_type: str,
        content: dict[str, Any],
        *,
        txn_id: str | None = None,
    ) -> str:
        """Any event."""
        event_id: str = await homeserver.send_event(
            user_id=sender,
            device_id=None,
            room_id=room_id,
            event_type=event_type,
            txn_id=txn_id or uuid4().hex,
            content=content,
        )
        return event_id

    async def page(self, homeserver: Any, room_id: str, reader: str) -> list[dict[str, Any]]:
        """The newest encrypted events."""
        page = await homeserver.messages(
            user_id=reader, room_id=room_id, limit=50, from_token=None, event_types=[ENCRYPTED]
        )
        chunk: list[dict[str, Any]] = page.chunk
        return chunk
