"""A homeserver in memory: the rooms' part of MatrixClient, the fake beside the contract.

The same contract tests run against it (tests/bridge/matrix/test_fake.py) and against MatrixClient with a real
Synapse (tests/e2e/test_homeserver_contract.py). `calls` tells what was asked. `before` and `after` see every
call, before it does anything and once it has: they may raise, which is how requests and answers get lost.
"""

import itertools
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from bridge.matrix.answers import MessagesPage, RoomVersions
from bridge.matrix.errors import MatrixError
from bridge.matrix.fake_room import FakeRoom, first_state
from bridge.matrix.json import JsonObject


@dataclass(frozen=True)
class Call:
    """One request: the method's name and its arguments."""

    method: str
    arguments: dict[str, Any]


class FakeHomeserver:
    """Rooms, members, messages. All users are local to it."""

    def __init__(self, *, now_ms: Callable[[], int]) -> None:
        self.rooms: dict[str, FakeRoom] = {}
        self.calls: list[Call] = []
        self.before: Callable[[Call], None] = lambda _call: None
        self.after: Callable[[Call], None] = lambda _call: None
        self._now_ms = now_ms
        self._numbers = itertools.count(1)
        self._transactions: dict[tuple[str, str, str], str] = {}

    def forget_transactions(self) -> None:
        """Recognise no transaction id of before, as a homeserver does after a while."""
        self._transactions.clear()

    def called(self, method: str) -> list[dict[str, Any]]:
        """The arguments of every call of this method."""
        return [call.arguments for call in self.calls if call.method == method]

    async def set_displayname(self, *, user_id: str, displayname: str) -> None:
        """Set the name that others see."""
        self.after(self._begin("set_displayname", user_id=user_id, displayname=displayname))

    async def room_versions(self, *, user_id: str) -> RoomVersions:
        """The versions that a room may have."""
        self.after(self._begin("room_versions", user_id=user_id))
        return RoomVersions(
            default="12", available={"11": "stable", "12": "stable", "13": "unstable", "14": "unstable"}
        )

    async def create_room(self, *, user_id: str, body: JsonObject) -> str:
        """Make a room: its id. Sent twice, it makes two."""
        call = self._begin("create_room", user_id=user_id, body=body)
        room = FakeRoom(f"!room{next(self._numbers)}", user_id)
        self.rooms[room.room_id] = room
        for event_type, state_key, content in first_state(user_id, body):
            self._add(room, user_id, event_type, content, state_key=state_key)
        self.after(call)
        return room.room_id

    async def invite(self, *, user_id: str, room_id: str, invitee: str) -> None:
        """Invite somebody who is not in the room."""
        call = self._begin("invite", user_id=user_id, room_id=room_id, invitee=invitee)
        room = self._joined_room(room_id, user_id)
        if not room.may(user_id, "invite") or room.membership(invitee) in ("join", "ban"):
            raise _forbidden(f"{user_id} can't invite {invitee}")
        self._add(room, user_id, "m.room.member", {"membership": "invite"}, state_key=invitee)
        self.after(call)

    async def join(self, *, user_id: str, room_id: str) -> None:
        """Join, as one who is invited. Joining again changes nothing."""
        call = self._begin("join", user_id=user_id, room_id=room_id)
        room = self.rooms.get(room_id)
        if room is None or room.membership(user_id) not in ("invite", "join"):
            raise _forbidden(f"{user_id} is not invited")
        if room.membership(user_id) == "invite":
            self._add(room, user_id, "m.room.member", {"membership": "join"}, state_key=user_id)
        self.after(call)

    async def leave(self, *, user_id: str, room_id: str) -> None:
        """Leave, or decline an invitation."""
        call = self._begin("leave", user_id=user_id, room_id=room_id)
        room = self.rooms[room_id]
        self._add(room, user_id, "m.room.member", {"membership": "leave"}, state_key=user_id)
        self.after(call)

    async def kick(self, *, user_id: str, room_id: str, kicked: str) -> None:
        """Take somebody out of the room, or take an invitation back."""
        call = self._begin("kick", user_id=user_id, room_id=room_id, kicked=kicked)
        room = self._joined_room(room_id, user_id)
        if not room.may(user_id, "kick") or room.membership(kicked) not in ("invite", "join", "knock"):
            raise _forbidden(f"{user_id} can't remove {kicked}")
        self._add(room, user_id, "m.room.member", {"membership": "leave"}, state_key=kicked)
        self.after(call)

    async def joined_rooms(self, *, user_id: str) -> list[str]:
        """The rooms that the user is joined to."""
        call = self._begin("joined_rooms", user_id=user_id)
        joined = [room.room_id for room in self.rooms.values() if room.membership(user_id) == "join"]
        self.after(call)
        return joined

    async def room_state(self, *, user_id: str, room_id: str) -> list[JsonObject]:
        """The state events of the room."""
        call = self._begin("room_state", user_id=user_id, room_id=room_id)
        events = list(deepcopy(self._joined_room(room_id, user_id).state()).values())
        self.after(call)
        return events

    async def state_event(
        self, *, user_id: str, room_id: str, event_type: str, state_key: str
    ) -> JsonObject | None:
        """The content of one state event; None when there is none."""
        call = self._begin(
            "state_event", user_id=user_id, room_id=room_id, event_type=event_type, state_key=state_key
        )
        event = self._joined_room(room_id, user_id).state().get((event_type, state_key))
        self.after(call)
        return None if event is None else deepcopy(event["content"])

    async def send_state(
        self, *, user_id: str, room_id: str, event_type: str, state_key: str, content: JsonObject
    ) -> str:
        """Set a state of the room: the event's id."""
        call = self._begin(
            "send_state",
            user_id=user_id,
            room_id=room_id,
            event_type=event_type,
            state_key=state_key,
            content=content,
        )
        room = self._joined_room(room_id, user_id)
        if not room.may(user_id, "state_default"):
            raise _forbidden(f"{user_id} can't set the state of {room_id}")
        event = self._add(room, user_id, event_type, content, state_key=state_key)
        self.after(call)
        return str(event["event_id"])

    async def send_event(
        self,
        *,
        user_id: str,
        device_id: str | None,
        room_id: str,
        event_type: str,
        txn_id: str,
        content: JsonObject,
    ) -> str:
        """Send an event: its id. The same `txn_id` again, whoever sends it, gives the first event's id."""
        call = self._begin(
            "send_event",
            user_id=user_id,
            device_id=device_id,
            room_id=room_id,
            event_type=event_type,
            txn_id=txn_id,
            content=content,
        )
        transaction = (room_id, event_type, txn_id)
        if transaction not in self._transactions:
            room = self._joined_room(room_id, user_id)
            if not room.may(user_id, "events_default"):
                raise _forbidden(f"{user_id} can't write in {room_id}")
            event = self._add(room, user_id, event_type, content)
            if event_type == "m.room.redaction":
                room.redact(event)
            self._transactions[transaction] = event["event_id"]
        self.after(call)
        return self._transactions[transaction]

    async def send_read_receipt(self, *, user_id: str, room_id: str, event_id: str) -> None:
        """Remember up to where somebody has read; an older event than that changes nothing."""
        call = self._begin("send_read_receipt", user_id=user_id, room_id=room_id, event_id=event_id)
        self._joined_room(room_id, user_id).read(user_id, event_id)
        self.after(call)

    async def messages(
        self, *, user_id: str, room_id: str, limit: int, from_token: str | None, event_types: list[str]
    ) -> MessagesPage:
        """Events of these types, newest first, before `from_token` or before now."""
        call = self._begin("messages", user_id=user_id, room_id=room_id, limit=limit, from_token=from_token)
        room = self._joined_room(room_id, user_id)
        place = len(room.events) if from_token is None else _place(from_token)
        chunk: list[JsonObject] = []
        while place > 0 and len(chunk) < limit:
            place -= 1
            if room.events[place]["type"] in event_types:
                chunk.append(room.relate(room.events[place]))
        self.after(call)
        return MessagesPage(chunk=chunk, end=f"t{place}" if chunk else None)

    async def event(self, *, user_id: str, room_id: str, event_id: str) -> JsonObject | None:
        """One event; None when there is none that the user may see."""
        call = self._begin("event", user_id=user_id, room_id=room_id, event_id=event_id)
        room = self.rooms.get(room_id)
        is_member = room is not None and room.membership(user_id) == "join"
        found = [one for one in room.events if one["event_id"] == event_id] if room and is_member else []
        self.after(call)
        return room.relate(found[0]) if room and found else None

    def _begin(self, method: str, **arguments: Any) -> Call:
        call = Call(method, deepcopy(arguments))
        self.calls.append(call)
        self.before(call)
        return call

    def _joined_room(self, room_id: str, user_id: str) -> FakeRoom:
        room = self.rooms.get(room_id)
        if room is None or room.membership(user_id) != "join":
            raise _forbidden(f"{user_id} is not in {room_id}")
        return room

    def _add(
        self,
        room: FakeRoom,
        sender: str,
        event_type: str,
        content: JsonObject,
        *,
        state_key: str | None = None,
    ) -> JsonObject:
        event = {
            "event_id": f"$event{next(self._numbers)}",
            "room_id": room.room_id,
            "sender": sender,
            "type": event_type,
            "origin_server_ts": self._now_ms(),
            "content": deepcopy(content),
            "unsigned": {},
        }
        room.events.append(event if state_key is None else {**event, "state_key": state_key})
        return room.events[-1]


def _place(token: str) -> int:
    if token[:1] != "t" or not token[1:].isdecimal():
        raise MatrixError(status=400, errcode="M_UNKNOWN", message="Invalid token")
    return int(token[1:])


def _forbidden(message: str) -> MatrixError:
    return MatrixError(status=403, errcode="M_FORBIDDEN", message=message)
