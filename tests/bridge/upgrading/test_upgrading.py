"""bridge/upgrading.py: a conversation goes on in a new room, and nothing that somebody wrote is lost."""

import pytest

from bots.consult import NONCE, ROOM_TYPE
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.matrix.errors import MatrixError
from bridge.storage.conversations import conversations, room_members
from bridge.storage.e2ee import outbound_sessions
from bridge.upgrading import NotUpgradedError, RoomVersionUnusableError
from tests.bridge.clinic import GARCIA, KEEPER, LUCIA, Clinic
from tests.bridge.messages.outbox.sending import accept
from tests.bridge.messages.writing import send
from tests.bridge.trouble import UNREACHABLE, failing, works
from tests.bridge.upgrading.ward import answer, bodies, moved, opened, say, state, steps, upgrade


async def test_it_goes_on_in_a_new_room(clinic: Clinic, room: str) -> None:
    """Of the wanted version, known as what takes the old one's place; the same people, other keys, the same id."""
    await say(clinic, room, "uno")
    new = await moved(clinic, room)
    await say(clinic, room, "dos")
    assert (await clinic.texts(room), await clinic.texts(new)) == (["uno"], ["dos"])
    first, second = (clinic.sent(one)[0]["content"]["session_id"] for one in (room, new))
    assert first != second
    assert clinic.members(new) == {LUCIA: "join", GARCIA: "invite"}
    create, (step,) = state(clinic, new, "m.room.create"), await steps(clinic)
    assert (create["type"], create["room_version"], create[NONCE]) == (ROOM_TYPE, "13", step.nonce)
    assert create["predecessor"] == {"room_id": room}
    for same in ("m.room.encryption", "m.room.server_acl", "m.room.power_levels", "m.room.topic"):
        assert state(clinic, new, same)
    assert state(clinic, new, "m.room.encryption") == state(clinic, room, "m.room.encryption")


async def test_the_old_room_is_closed(clinic: Clinic, room: str) -> None:
    """It says where the conversation goes on; nobody writes there, and no session of ours would."""
    await say(clinic, room, "uno")
    new = await moved(clinic, room)
    told = state(clinic, room, "m.room.tombstone")
    assert told["replacement_room"] == new
    assert "sala nueva" in told["body"]
    assert "new room" in told["body"]
    for person in (LUCIA, GARCIA):
        with pytest.raises(MatrixError):
            await answer(clinic, room, sender=person)
    of_old = [one for one in await clinic.rows(outbound_sessions) if one.room_id == room]
    assert [(one.is_current, one.pickle) for one in of_old] == [(False, None)]


async def test_again_changes_nothing(clinic: Clinic, room: str) -> None:
    """Who is in a room of that version stays there; another version is another move."""
    new = await moved(clinic, room)
    calls = len(clinic.homeserver.calls)
    assert await upgrade(room, clinic.process()) is None
    assert await upgrade(new, clinic.process()) is None
    asked = {call.method for call in clinic.homeserver.calls[calls:]}
    assert asked == {"state_event"}
    third = await moved(clinic, room, version="14")
    assert third not in (room, new)
    assert state(clinic, third, "m.room.create")["predecessor"] == {"room_id": new}
    assert state(clinic, new, "m.room.tombstone")["replacement_room"] == third


async def test_what_waited_unencrypted_goes_to_the_new_room(clinic: Clinic, room: str) -> None:
    """It was taken in, and is encrypted for the room that there is then."""
    await accept(clinic, room, "uno")
    new = await moved(clinic, room)
    await clinic.process().outbox.deliver_waiting()
    assert (await clinic.texts(room), await clinic.texts(new)) == ([], ["uno"])


async def test_what_waited_encrypted_goes_to_the_old_room(clinic: Clinic, room: str) -> None:
    """Nobody could read it elsewhere; it goes out before the room is closed, once."""
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    with pytest.raises(HomeserverUnavailableError):
        await send(clinic, conversation_id=room, body="uno")
    clinic.homeserver.before = works
    new = await moved(clinic, room)
    await clinic.process().outbox.deliver_waiting()
    assert (await clinic.texts(room), await clinic.texts(new)) == (["uno"], [])
    assert await bodies(clinic, room) == ["uno"]


async def test_a_room_stays_open_for_what_can_not_leave_yet(clinic: Clinic, room: str) -> None:
    """It is closed by a later run; meanwhile the conversation goes on in the new one."""
    lost = failing(UNREACHABLE, "send_event", about=room)
    clinic.homeserver.before = lost
    with pytest.raises(HomeserverUnavailableError):
        await send(clinic, conversation_id=room, body="uno")
    with pytest.raises(NotUpgradedError, match="waits"):
        await upgrade(room, clinic.process())
    assert not state(clinic, room, "m.room.tombstone")
    clinic.homeserver.before = works
    new = await moved(clinic, room)
    assert state(clinic, room, "m.room.tombstone")["replacement_room"] == new
    assert (await clinic.texts(room), len(await steps(clinic))) == (["uno"], 1)


async def test_an_interrupted_one_is_finished_before_another(clinic: Clinic, room: str) -> None:
    """Its room takes the old one's place, then the wanted one that one's."""
    clinic.homeserver.before = failing(UNREACHABLE, "create_room")
    with pytest.raises(type(UNREACHABLE)):
        await upgrade(room, clinic.main)
    clinic.homeserver.before = works
    new = await moved(clinic, room, version="14")
    assert state(clinic, new, "m.room.create")["room_version"] == "14"
    assert [step.room_version for step in await steps(clinic)] == ["13", "14"]


async def test_not_once_care_has_ended(clinic: Clinic, room: str) -> None:
    """Nobody could be brought into the new room: whoever reads in the old one goes on doing so."""
    await clinic.end_care(LUCIA, GARCIA)
    with pytest.raises(NotUpgradedError, match="care has ended"):
        await upgrade(room, clinic.main)
    assert len(clinic.homeserver.rooms) == 1
    with pytest.raises(ConversationNotFoundError):
        await upgrade("!other", clinic.main)


async def test_who_never_joined_would_miss_what_was_written(clinic: Clinic) -> None:
    """An invitation shows nothing: the room waits for her, unless it is named."""
    await clinic.start_care(LUCIA, "@lopez:hospital.example:9448")
    room = await opened(clinic)
    await clinic.homeserver.leave(user_id=GARCIA, room_id=room)
    await clinic.homeserver.invite(user_id=KEEPER, room_id=room, invitee=GARCIA)
    await say(clinic, room, "uno")
    with pytest.raises(NotUpgradedError, match=GARCIA):
        await upgrade(room, clinic.main)
    assert await upgrade(room, clinic.main, waits_for_people=False)
    assert clinic.members(room)[GARCIA] == "invite"


async def test_an_empty_room_waits_for_nobody(clinic: Clinic, room: str) -> None:
    """There is nothing to miss."""
    await clinic.homeserver.leave(user_id=GARCIA, room_id=room)
    assert await upgrade(room, clinic.main)


async def test_who_comes_and_goes_in_the_old_room_does_not_count(clinic: Clinic, room: str) -> None:
    """She leaves it, as one does: she is invited to the new one still."""
    new = await moved(clinic, room)
    await clinic.homeserver.leave(user_id=GARCIA, room_id=room)
    await clinic.push()
    there = {row.user_id: row.membership for row in await clinic.rows(room_members) if row.room_id == room}
    assert there == {LUCIA: "join", GARCIA: "invite"}
    await clinic.homeserver.join(user_id=GARCIA, room_id=new)
    await clinic.push()
    there = {row.user_id: row.membership for row in await clinic.rows(room_members) if row.room_id == room}
    assert there == {LUCIA: "join", GARCIA: "join"}


async def test_which_versions_there_are(clinic: Clinic) -> None:
    """The homeserver's default, or one that it knows, in which the keeper outranks everybody."""
    assert await clinic.main.upgrading.version(None) == "12"
    assert await clinic.main.upgrading.version("13") == "13"
    for wrong in ("11", "99", "x"):
        with pytest.raises(RoomVersionUnusableError):
            await clinic.main.upgrading.version(wrong)


async def test_all_that_were_opened(clinic: Clinic, room: str) -> None:
    """By the ids that callers know; a conversation without a room has nothing to move."""
    await moved(clinic, room)
    clinic.homeserver.before = failing(UNREACHABLE, "create_room")
    with pytest.raises(HomeserverUnavailableError):
        await opened(clinic, "@portal_juan:portal.example:8448")
    assert await clinic.main.upgrading.all() == [room]
    assert len(await clinic.rows(conversations)) == 2
