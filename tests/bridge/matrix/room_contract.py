"""What our services rely on in rooms and their members."""

from typing import Any

import pytest

from bots.consult import NONCE, ROOM_TYPE, ROOM_VERSION, speaking_levels, tombstone
from bots.direct_chat import LAST_STATE, direct_chat, invitation
from bridge.matrix.errors import MatrixError
from tests.bridge.matrix.rooms import Cast, Rooms


class RoomContract(Rooms):
    """Rooms and members as bridge/rooms/conversations.py and bridge/rooms/membership.py use them."""

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

    async def test_a_room_that_takes_another_s_place(self, homeserver: Any, cast: Cast) -> None:
        """Each says which the other is, to whoever is in it."""
        old = await self.make_room(homeserver, cast, members=[cast.lucia])
        new = await self.make_room(homeserver, cast, former=old)
        create = {"event_type": "m.room.create", "state_key": ""}
        made = await homeserver.state_event(user_id=cast.keeper, room_id=new, **create)
        assert (made["type"], made["predecessor"]) == (ROOM_TYPE, {"room_id": old})
        told = {"room_id": old, "event_type": "m.room.tombstone", "state_key": ""}
        content = tombstone(replacement=new, body="moved")
        await homeserver.send_state(user_id=cast.keeper, **told, content=content)
        assert await homeserver.state_event(user_id=cast.lucia, **told) == content

    async def test_room_versions(self, homeserver: Any, cast: Cast) -> None:
        """The one that is the default is known, and ours is."""
        known = await homeserver.room_versions(user_id=cast.keeper)
        assert {known.default, ROOM_VERSION} <= set(known.available)

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
