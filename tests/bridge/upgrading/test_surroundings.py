"""What else knows a conversation by a room of it: who is invited, taken out, told, and where links lead."""

import pytest

from appointments.care import CareRelationship
from bots.ports import Contact
from bridge.assistant.consult_desk import ConsultDesk
from bridge.inbound.policy import may_bring_in
from bridge.rooms.attendance import Attendance
from bridge.rooms.former_rooms import place_of
from bridge.settings import AssistantSettings
from bridge.storage.database import Database
from bridge.storage.reviews import make_room_due
from tests.bridge.clinic import ASSISTANT, GARCIA, JUAN, KEEPER, LUCIA, PORTAL, SETTINGS, Clinic
from tests.bridge.trouble import UNREACHABLE, failing, works
from tests.bridge.upgrading.ward import moved, opened, say, state, upgrade

ATTENDING = SETTINGS.model_copy(update={"assistant": AssistantSettings(in_consult_rooms=True)})


async def test_the_keeper_may_invite_into_each_of_its_rooms(clinic: Clinic, room: str) -> None:
    """Those who take part, also before the conversation goes on there; nobody else."""
    new = await moved(clinic, room)
    async with clinic.database.read() as connection:
        for room_id in (room, new):
            for invitee, may in ((GARCIA, True), (LUCIA, True), (JUAN, False)):
                asked = {"invitee": invitee, "room_id": room_id, "assistant": None, "now": clinic.clock()}
                assert await may_bring_in(connection, **asked) is may
        places = [await place_of(connection, room_id) for room_id in (room, new, "!other")]
    assert [place and (place.conversation_id, place.is_current) for place in places] == [
        (room, False),
        (room, True),
        None,
    ]


async def test_who_takes_part_no_more_is_taken_out_of_all_rooms(clinic: Clinic, room: str) -> None:
    """A stranger in the old room would go on reading there."""
    new = await moved(clinic, room)
    for room_id in (room, new):
        await clinic.homeserver.invite(user_id=KEEPER, room_id=room_id, invitee=JUAN)
        await clinic.homeserver.join(user_id=JUAN, room_id=room_id)
    await clinic.push()
    async with clinic.database.write() as connection:
        await make_room_due(connection, room_id=room, now=clinic.clock())
    await clinic.main.conversations.reconcile_due()
    assert [clinic.members(room_id)[JUAN] for room_id in (room, new)] == ["leave", "leave"]


async def test_links_lead_to_where_it_goes_on(clinic: Clinic, room: str) -> None:
    """The id that is given with it stays what it was."""
    new = await moved(clinic, room)
    desk = ConsultDesk(
        database=clinic.database,
        conversations=clinic.main.conversations,
        sealer=clinic.sealer,
        portal_server=PORTAL,
        now=clinic.clock,
    )
    found = await desk.open(LUCIA, Contact(GARCIA))
    assert found.conversation_id == room
    assert f"/{new}?" in found.link
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    assert await clinic.main.conversations.open(care) == room


async def test_the_assistant_follows(database: Database) -> None:
    """Where the clinic lets it into consult rooms: it comes into the new one, and says so there."""
    clinic = Clinic(database, settings=ATTENDING)
    await clinic.manage(LUCIA)
    await clinic.start_care(LUCIA, GARCIA)
    await clinic.main.direct_chats.complete()
    room = await opened(clinic)
    await clinic.main.attendance.complete()
    await clinic.push()
    new = await moved(clinic, room)
    await clinic.main.attendance.complete()
    await clinic.push()
    assert clinic.members(new)[ASSISTANT] == "join"
    assert state(clinic, new, "io.element.functional_members")["service_members"] == [KEEPER, ASSISTANT]
    assert [len(clinic.sent(room_id)) for room_id in (room, new)] == [1, 1]
    await say(clinic, room, "hola")
    assert (await clinic.texts(new))[-1] == "hola"


@pytest.mark.parametrize("has_followed", [True, False])
async def test_the_assistant_leaves_all_rooms(database: Database, *, has_followed: bool) -> None:
    """Where the clinic changes its mind: it would read on in none, and is asked to leave none that it isn't in."""
    clinic = Clinic(database, settings=ATTENDING)
    await clinic.manage(LUCIA)
    await clinic.start_care(LUCIA, GARCIA)
    await clinic.main.direct_chats.complete()
    room = await opened(clinic)
    await clinic.main.attendance.complete()
    await clinic.push()
    new = await moved(clinic, room)
    if has_followed:
        await clinic.main.attendance.complete()
        await clinic.push()
    clinic.homeserver.calls.clear()
    off = Attendance(database=database, matrix=clinic.main.matrix, settings=SETTINGS, now=clinic.clock)
    await off.complete()
    left = {call["room_id"] for call in clinic.homeserver.called("leave")}
    assert left == ({room, new} if has_followed else {room})
    for one in (room, new):
        assert clinic.members(one).get(ASSISTANT) in ("leave", None)
        assert state(clinic, one, "io.element.functional_members")["service_members"] == [KEEPER]
    clinic.homeserver.calls.clear()
    await off.complete()
    assert clinic.homeserver.calls == []


async def test_care_that_ends_closes_a_room_that_was_left_open(clinic: Clinic, room: str) -> None:
    """The command was killed before it could close it, and nobody ran it again."""
    clinic.homeserver.before = failing(UNREACHABLE, "send_state", about="m.room.tombstone")
    with pytest.raises(type(UNREACHABLE)):
        await upgrade(room, clinic.main)
    clinic.homeserver.before = works
    assert state(clinic, room, "m.room.power_levels")["events_default"] == 0
    await clinic.end_care(LUCIA, GARCIA)
    await clinic.main.conversations.reconcile_due()
    assert state(clinic, room, "m.room.power_levels")["events_default"] == 100


@pytest.mark.parametrize("is_late", [False, True])
async def test_care_that_ends_closes_the_new_room(clinic: Clinic, room: str, *, is_late: bool) -> None:
    """Nobody writes in either; care that begins again opens the new one alone."""
    new = await moved(clinic, room)
    await clinic.end_care(LUCIA, GARCIA)
    await (clinic.process() if is_late else clinic.main).conversations.reconcile_due()
    levels = [state(clinic, one, "m.room.power_levels")["events_default"] for one in (room, new)]
    assert levels == [100, 100]
    clinic.clock.pass_by(seconds=1)
    await clinic.start_care(LUCIA, GARCIA, starts=clinic.clock())
    await clinic.main.conversations.reconcile_due()
    levels = [state(clinic, one, "m.room.power_levels")["events_default"] for one in (room, new)]
    assert levels == [100, 0]


async def test_a_new_chat_looks_into_none_of_these_rooms(database: Database) -> None:
    """The assistant is in many of them: they are known to be no chat of its own that a crash left."""
    clinic = Clinic(database, settings=ATTENDING)
    for patient in (LUCIA, JUAN):
        await clinic.manage(patient)
    await clinic.start_care(LUCIA, GARCIA)
    room = await opened(clinic)
    new = await moved(clinic, room)
    await clinic.main.attendance.complete()
    await clinic.push()
    clinic.homeserver.calls.clear()
    await clinic.main.direct_chats.complete()
    assert clinic.homeserver.called("create_room")
    asked = {call["room_id"] for call in clinic.homeserver.called("room_state")}
    assert not asked & {room, new}
