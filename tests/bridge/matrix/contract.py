"""What our services rely on in a homeserver's rooms: one suite for the fake and for the real thing.

A class of tests inherits it and has two fixtures: `homeserver`, with the methods of MatrixClient, and `cast`,
three users of that homeserver for whom nothing happened yet.
"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from bots.consult import NONCE, ROOM_TYPE, consult_room, speaking_levels
from bots.direct_chat import LAST_STATE, direct_chat, invitation
from bridge.matrix.errors import MatrixError

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


class HomeserverContract:
    """Rooms, members and messages as bridge/conversations.py, outbox.py and history.py use them."""

    async def test_a_consult_room(self, homeserver: Any, cast: Cast) -> None:
        """Its create event holds type and nonce; its last state is there; only the keeper is in it."""
        room_id = await self.make_room(homeserver, cast, nonce="n1")
        events = await homeserver.room_state(user_id=cast.keeper, room_id=room_id)
        state = {(event["type"], event["state_key"]): event["content"] for event in events}
        create = state["m.room.create", ""]
        assert (create["type"], create[NONCE], create["room_version"]) == (ROOM_TYPE, "n1", "12")
        assert state["m.room.join_rules", ""]["join_rule"] == "invite"
        assert state["m.room.encryption", ""]["algorithm"] == "m.megolm.v1.aes-sha2"
        assert state["m.room.history_visibility", ""] == {"history_visibility": "shared"}
        assert state["m.room.guest_access", ""] == {"guest_access": "forbidden"}
        assert state["io.element.functional_members", ""] == {"service_members": [cast.keeper]}
        assert [key for event_type, key in state if event_type == "m.room.member"] == [cast.keeper]
        assert state["m.room.topic", ""]["topic"] == "notice"
        assert "m.room.name" not in {event_type for event_type, _ in state}

    async def test_a_direct_chat(self, homeserver: Any, cast: Cast) -> None:
        """Its creator invites with a member event that tells the other's client what it is; nobody else invites."""
        body = direct_chat(
            nonce="n2",
            assistant=cast.keeper,
            person=cast.lucia,
            rotation_period_msgs=100,
            rotation_period_ms=604_800_000,
        )
        room_id = await homeserver.create_room(user_id=cast.keeper, body=body)
        member = {"room_id": room_id, "event_type": "m.room.member"}
        await homeserver.send_state(user_id=cast.keeper, **member, state_key=cast.lucia, content=invitation())
        there = await homeserver.state_event(user_id=cast.keeper, **member, state_key=cast.lucia)
        assert (there["membership"], there["is_direct"]) == ("invite", True)
        await homeserver.join(user_id=cast.lucia, room_id=room_id)
        with pytest.raises(MatrixError) as refused:
            await homeserver.invite(user_id=cast.lucia, room_id=room_id, invitee=cast.juan)
        assert refused.value.status == 403
        events = await homeserver.room_state(user_id=cast.keeper, room_id=room_id)
        contents = {event["type"]: event["content"] for event in events}
        assert contents["m.room.create"][NONCE] == "n2"
        assert LAST_STATE in contents

    async def test_creating_twice_makes_two_rooms(self, homeserver: Any, cast: Cast) -> None:
        """There is no idempotency: that is what the nonce is for."""
        room_ids = {await self.make_room(homeserver, cast, nonce="same") for _ in range(2)}
        assert len(room_ids) == 2
        assert room_ids <= set(await homeserver.joined_rooms(user_id=cast.keeper))

    async def test_who_is_not_invited_stays_out(self, homeserver: Any, cast: Cast) -> None:
        """Joining, reading, writing: all refused."""
        room_id = await self.make_room(homeserver, cast)
        with pytest.raises(MatrixError) as refused:
            await homeserver.join(user_id=cast.lucia, room_id=room_id)
        assert refused.value.status == 403
        assert room_id not in await homeserver.joined_rooms(user_id=cast.lucia)
        with pytest.raises(MatrixError) as refused:
            await self.say(homeserver, room_id, cast.lucia, "hola")
        assert refused.value.status == 403
        with pytest.raises(MatrixError) as refused:
            await self.page(homeserver, room_id, cast.lucia)
        assert refused.value.status == 403
        with pytest.raises(MatrixError) as refused:
            await homeserver.room_state(user_id=cast.lucia, room_id=room_id)
        assert refused.value.status == 403

    async def test_invited_then_joined(self, homeserver: Any, cast: Cast) -> None:
        """The membership is to be read at each step; joining again changes nothing."""
        room_id = await self.make_room(homeserver, cast)
        assert await self.membership(homeserver, cast, room_id, cast.lucia) is None
        await homeserver.invite(user_id=cast.keeper, room_id=room_id, invitee=cast.lucia)
        assert await self.membership(homeserver, cast, room_id, cast.lucia) == "invite"
        for _ in range(2):
            await homeserver.join(user_id=cast.lucia, room_id=room_id)
        assert await self.membership(homeserver, cast, room_id, cast.lucia) == "join"
        assert room_id in await homeserver.joined_rooms(user_id=cast.lucia)
        with pytest.raises(MatrixError) as refused:
            await homeserver.invite(user_id=cast.keeper, room_id=room_id, invitee=cast.lucia)
        assert refused.value.status == 403

    async def test_only_the_keeper_invites(self, homeserver: Any, cast: Cast) -> None:
        """Members can't bring others in."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        with pytest.raises(MatrixError) as refused:
            await homeserver.invite(user_id=cast.lucia, room_id=room_id, invitee=cast.juan)
        assert refused.value.status == 403

    async def test_who_left_is_out(self, homeserver: Any, cast: Cast) -> None:
        """She can't write any more, and needs an invitation to come back."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        await homeserver.leave(user_id=cast.lucia, room_id=room_id)
        assert await self.membership(homeserver, cast, room_id, cast.lucia) == "leave"
        for attempt in (
            self.say(homeserver, room_id, cast.lucia, "hola"),
            homeserver.join(user_id=cast.lucia, room_id=room_id),
        ):
            with pytest.raises(MatrixError) as refused:
                await attempt
            assert refused.value.status == 403

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

    async def make_room(
        self, homeserver: Any, cast: Cast, *, nonce: str = "nonce", members: list[str] | None = None
    ) -> str:
        """A consult room as we make them, with these members."""
        body = consult_room(
            nonce=nonce,
            keeper=cast.keeper,
            people=(cast.lucia, cast.juan),
            notice="notice",
            rotation_period_msgs=100,
            rotation_period_ms=604_800_000,
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

    async def test_raised_levels_silence_members(self, homeserver: Any, cast: Cast) -> None:
        """Nobody but the keeper writes; reading goes on; lowered again, everybody writes."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        await self.say(homeserver, room_id, cast.lucia, "antes")
        levels = await homeserver.state_event(
            user_id=cast.keeper, room_id=room_id, event_type="m.room.power_levels", state_key=""
        )
        for is_open in (False, True):
            await homeserver.send_state(
                user_id=cast.keeper,
                room_id=room_id,
                event_type="m.room.power_levels",
                state_key="",
                content=speaking_levels(levels, is_open=is_open),
            )
            if is_open:
                await self.say(homeserver, room_id, cast.lucia, "después")
            else:
                with pytest.raises(MatrixError) as refused:
                    await self.say(homeserver, room_id, cast.lucia, "entonces")
                assert refused.value.status == 403
                assert await self.page(homeserver, room_id, cast.lucia)

    async def test_state_is_the_keepers(self, homeserver: Any, cast: Cast) -> None:
        """A member sets none, not even the levels."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        with pytest.raises(MatrixError) as refused:
            await homeserver.send_state(
                user_id=cast.lucia,
                room_id=room_id,
                event_type="m.room.power_levels",
                state_key="",
                content={"users_default": 100},
            )
        assert refused.value.status == 403

    async def test_who_is_removed_is_out(self, homeserver: Any, cast: Cast) -> None:
        """Joined or only invited; a member removes nobody; the keeper may invite again."""
        room_id = await self.make_room(homeserver, cast, members=[cast.lucia])
        await homeserver.invite(user_id=cast.keeper, room_id=room_id, invitee=cast.juan)
        with pytest.raises(MatrixError) as refused:
            await homeserver.kick(user_id=cast.lucia, room_id=room_id, kicked=cast.juan)
        assert refused.value.status == 403
        for person in (cast.lucia, cast.juan):
            await homeserver.kick(user_id=cast.keeper, room_id=room_id, kicked=person)
            assert await self.membership(homeserver, cast, room_id, person) == "leave"
            with pytest.raises(MatrixError) as refused:
                await homeserver.join(user_id=person, room_id=room_id)
            assert refused.value.status == 403
        await homeserver.invite(user_id=cast.keeper, room_id=room_id, invitee=cast.lucia)
        await homeserver.join(user_id=cast.lucia, room_id=room_id)
