"""What our services rely on in messages, their order and their pages."""

from typing import Any

import pytest

from bridge.matrix.errors import MatrixError
from tests.bridge.matrix.rooms import ENCRYPTED, Cast, Rooms, megolm


class MessageContract(Rooms):
    """Messages as bridge/messages/outbox.py and bridge/timeline/history.py use them."""

    async def test_the_same_transaction_is_the_same_event(self, homeserver: Any, cast: Cast) -> None:
        """Sent again it gives the first event's id; another transaction is another event."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        first = await self.say(homeserver, room_id, cast.lucia, "hola", txn_id="t1")
        assert await self.say(homeserver, room_id, cast.lucia, "hola", txn_id="t1") == first
        assert await self.say(homeserver, room_id, cast.lucia, "hola", txn_id="t2") != first
        assert len(await self.page(homeserver, room_id, cast.lucia)) == 2

    async def test_a_transaction_id_serves_one_user(self, homeserver: Any, cast: Cast) -> None:
        """Why ours are unique: used by another user of ours in the same room, her message vanishes."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia, cast.juan])
        first = await self.say(homeserver, room_id, cast.lucia, "hola", txn_id="t1")
        assert await self.say(homeserver, room_id, cast.juan, "adiós", txn_id="t1") == first

    async def test_pages_newest_first(self, homeserver: Any, cast: Cast) -> None:
        """Events of the wanted types only, without gap or overlap, until a page has no `end`."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        sent = []
        for number in range(5):
            sent.append(await self.say(homeserver, room_id, cast.lucia, str(number)))
            await self.send(homeserver, room_id, cast.lucia, "m.reaction", {})
        seen, token = [], None
        while True:
            page = await homeserver.messages(
                user_id=cast.lucia, room_id=room_id, limit=2, from_token=token, event_types=[ENCRYPTED]
            )
            assert len(page.chunk) <= 2
            seen += [event["event_id"] for event in page.chunk]
            token = page.end
            if token is None:
                break
        assert seen == sent[::-1]

    async def test_what_an_event_looks_like(self, homeserver: Any, cast: Cast) -> None:
        """Its id, sender, type, time in milliseconds and content."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        event_id = await self.say(homeserver, room_id, cast.lucia, "hola")
        (event,) = await self.page(homeserver, room_id, cast.lucia)
        assert (event["event_id"], event["sender"], event["type"]) == (event_id, cast.lucia, ENCRYPTED)
        assert event["content"] == megolm("hola")
        assert event["origin_server_ts"] > 1_700_000_000_000

    async def test_a_made_up_token_is_refused(self, homeserver: Any, cast: Cast) -> None:
        """As a bad request."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        with pytest.raises(MatrixError) as refused:
            await homeserver.messages(
                user_id=cast.lucia, room_id=room_id, limit=2, from_token="x", event_types=[ENCRYPTED]
            )
        assert refused.value.status == 400

    async def test_the_last_edit_comes_with_its_event(self, homeserver: Any, cast: Cast) -> None:
        """Whole, as the sender's own last edit; nobody else's."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia, cast.juan])
        event_id = await self.say(homeserver, room_id, cast.lucia, "uno")
        relation = {"m.relates_to": {"rel_type": "m.replace", "event_id": event_id}}
        for sender, body in ((cast.lucia, "dos"), (cast.lucia, "tres"), (cast.juan, "cuatro")):
            content = megolm(body) | relation
            await self.send(homeserver, room_id, sender, ENCRYPTED, content)
        original = (await self.page(homeserver, room_id, cast.juan))[-1]
        assert original["event_id"] == event_id
        assert original["content"] == megolm("uno")
        edit = original["unsigned"]["m.relations"]["m.replace"]
        assert (edit["sender"], edit["type"]) == (cast.lucia, ENCRYPTED)
        assert edit["content"] == megolm("tres") | relation

    async def test_a_redacted_event_is_empty(self, homeserver: Any, cast: Cast) -> None:
        """It keeps its place and type, says that it was redacted, and comes with no edit."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        event_id = await self.say(homeserver, room_id, cast.lucia, "uno")
        content = megolm("dos") | {"m.relates_to": {"rel_type": "m.replace", "event_id": event_id}}
        await self.send(homeserver, room_id, cast.lucia, ENCRYPTED, content)
        await self.send(homeserver, room_id, cast.lucia, "m.room.redaction", {"redacts": event_id})
        redacted = (await self.page(homeserver, room_id, cast.lucia))[-1]
        assert (redacted["event_id"], redacted["type"], redacted["content"]) == (event_id, ENCRYPTED, {})
        assert "redacted_because" in redacted["unsigned"]
        assert "m.relations" not in redacted["unsigned"]

    async def test_a_redacted_edit_comes_no_more(self, homeserver: Any, cast: Cast) -> None:
        """The one before it comes with the event instead, and none after the last."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        event_id = await self.say(homeserver, room_id, cast.lucia, "uno")
        relation = {"m.relates_to": {"rel_type": "m.replace", "event_id": event_id}}
        edits = [
            await self.send(homeserver, room_id, cast.lucia, ENCRYPTED, megolm(body) | relation)
            for body in ("dos", "tres")
        ]
        shown = []
        for edit_id in reversed(edits):
            await self.send(homeserver, room_id, cast.lucia, "m.room.redaction", {"redacts": edit_id})
            original = (await self.page(homeserver, room_id, cast.lucia))[-1]
            shown.append(original["unsigned"].get("m.relations", {}).get("m.replace", {}).get("event_id"))
        assert shown == [edits[0], None]

    async def test_one_event(self, homeserver: Any, cast: Cast) -> None:
        """To those who may see it; None for an unknown id, another room's event, and outsiders."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        other = await self.make_room(homeserver, cast, members=[cast.lucia])
        event_id = await self.say(homeserver, room_id, cast.lucia, "hola")
        found = await homeserver.event(user_id=cast.lucia, room_id=room_id, event_id=event_id)
        assert found["content"] == megolm("hola")
        for user_id, room, wanted in (
            (cast.lucia, room_id, "$unknown"),
            (cast.lucia, other, event_id),
            (cast.juan, room_id, event_id),
        ):
            assert await homeserver.event(user_id=user_id, room_id=room, event_id=wanted) is None
