"""bridge/rooms/moving_in.py: a conversation moves once everybody can follow; until then it stays where it is."""

import pytest

from bridge.matrix.errors import MatrixError
from bridge.rooms.moving_in import NotInvitedError
from bridge.storage.conversations import room_members
from tests.bridge.clinic import GARCIA, HOSPITAL, JUAN, LUCIA, Clinic
from tests.bridge.rooms.membership.changes import acts
from tests.bridge.trouble import TOO_MANY, UNREACHABLE, failing, works
from tests.bridge.upgrading.ward import answer, moved, opened, say, state, steps, upgrade

EVA = f"@eva:{HOSPITAL}"


async def refused(clinic: Clinic, room: str, *, error: Exception = TOO_MANY) -> str:
    """Her homeserver has taken enough invitations for Garcia: the room that waits for her."""
    clinic.homeserver.before = failing(error, "invite", about=GARCIA)
    with pytest.raises(NotInvitedError, match=GARCIA):
        await upgrade(room, clinic.main)
    clinic.homeserver.before = works
    return list(clinic.homeserver.rooms)[-1]


@pytest.mark.parametrize("error", [TOO_MANY, UNREACHABLE, TimeoutError()], ids=["limit", "down", "late"])
async def test_a_refused_invitation_keeps_it_where_it_is(clinic: Clinic, room: str, error: Exception) -> None:
    """Both write on in the old room; a later run moves it into the room that was made."""
    new = await refused(clinic, room, error=error)
    await say(clinic, room, "uno")
    await answer(clinic, room)
    assert (await clinic.texts(room))[0] == "uno"
    assert clinic.sent(new) == []
    assert not state(clinic, room, "m.room.tombstone")
    (step,) = await steps(clinic)
    assert (step.moved_at, step.closed_at) == (None, None)
    assert await moved(clinic, room) == new
    assert clinic.members(new) == {LUCIA: "join", GARCIA: "invite"}
    assert state(clinic, room, "m.room.tombstone")["replacement_room"] == new


async def test_nobody_writes_where_not_everybody_is_invited(clinic: Clinic, room: str) -> None:
    """Who accepted meanwhile would tell the doctor nothing; once it is moved she is in it, and new there."""
    await acts(clinic, EVA)
    await clinic.main.conversations.reconcile_due()
    await clinic.homeserver.join(user_id=EVA, room_id=room)
    await clinic.push()
    new = await refused(clinic, room)
    await clinic.homeserver.join(user_id=EVA, room_id=new)
    await clinic.push()
    for person in (EVA, LUCIA):
        with pytest.raises(MatrixError):
            await answer(clinic, new, sender=person)
    await answer(clinic, room, sender=EVA)
    await moved(clinic, room)
    await answer(clinic, new, sender=EVA)
    there = {row.user_id: row for row in await clinic.rows(room_members) if row.room_id == room}
    assert {one: row.membership for one, row in there.items()} == {
        LUCIA: "join",
        GARCIA: "invite",
        EVA: "join",
    }
    assert there[EVA].joined_seq is not None
    assert there[EVA].new_since is not None


async def test_who_declined_in_the_old_room_is_invited_like_others(clinic: Clinic, room: str) -> None:
    """She was on record as gone."""
    await clinic.homeserver.leave(user_id=GARCIA, room_id=room)
    await clinic.push()
    new = await moved(clinic, room)
    assert clinic.members(new)[GARCIA] == "invite"
    (there,) = [row for row in await clinic.rows(room_members) if row.user_id == GARCIA]
    assert there.membership == "invite"


async def test_who_refuses_is_not_asked_again(clinic: Clinic, room: str) -> None:
    """Nothing of hers is begun, nor is she asked for what was begun; a later run asks."""
    new, other = await refused(clinic, room), await opened(clinic, JUAN)
    before = len(clinic.homeserver.called("invite"))
    for one in (room, other):
        with pytest.raises(NotInvitedError, match=GARCIA):
            await clinic.main.upgrading.upgrade(one, version="13", waits_for_people=True, refusing={GARCIA})
    assert len(clinic.homeserver.called("invite")) == before
    assert len(await steps(clinic)) == 1
    assert await moved(clinic, room) == new
    assert await moved(clinic, other) != other
