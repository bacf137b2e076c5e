"""bridge/rooms/attendance.py: the assistant in consult rooms, where the clinic wants it, and out of them again."""

import asyncio

import pytest

from appointments.care import CareRelationship
from bridge.e2ee.settings import EncryptionSettings
from bridge.matrix.errors import HomeserverUnreachableError
from bridge.rooms.attendance import Attendance
from bridge.settings import AssistantSettings
from bridge.storage.database import Database
from tests.bridge.clinic import ASSISTANT, GARCIA, KEEPER, LUCIA, SETTINGS, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.rooms.membership.changes import ended, stands_invited

ATTENDING = SETTINGS.model_copy(update={"assistant": AssistantSettings(in_consult_rooms=True)})


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """A clinic that wants it, with one patient."""
    made = Clinic(database, settings=ATTENDING)
    await made.manage(LUCIA)
    await made.start_care(LUCIA, GARCIA)
    await made.main.direct_chats.complete()
    return made


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """Her consult room."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    return await clinic.main.conversations.open(care)


def service_members(clinic: Clinic, room: str) -> list[str]:
    """Whom clients leave out of the room's name."""
    members: list[str] = clinic.homeserver.rooms[room].state()["io.element.functional_members", ""][
        "content"
    ]["service_members"]
    return members


async def leave_all(clinic: Clinic) -> None:
    """The clinic has changed its mind."""
    await Attendance(
        database=clinic.database, matrix=clinic.main.matrix, settings=SETTINGS, now=clinic.clock
    ).complete()


async def test_it_sits_in_open_rooms(clinic: Clinic, room: str) -> None:
    """Brought in once, as a service member; and not in rooms whose care has ended."""
    await clinic.main.attendance.complete()
    clinic.homeserver.calls.clear()
    await clinic.main.attendance.complete()  # its join is not on record yet
    assert [call.method for call in clinic.homeserver.calls] == ["state_event"]
    await clinic.push()
    clinic.homeserver.calls.clear()
    await clinic.main.attendance.complete()
    assert clinic.homeserver.calls == []
    assert clinic.homeserver.rooms[room].membership(ASSISTANT) == "join"
    assert service_members(clinic, room) == [KEEPER, ASSISTANT]


async def test_it_stands_invited_before_it_joins(clinic: Clinic, room: str) -> None:
    """So that the clients of those who are there know its keys when it tells that it is there."""
    slow = ATTENDING.model_copy(update={"encryption": EncryptionSettings(introduction_s=60)})
    seating = asyncio.create_task(
        Attendance(
            database=clinic.database, matrix=clinic.main.matrix, settings=slow, now=clinic.clock
        ).complete()
    )
    await stands_invited(clinic, room, ASSISTANT)
    await ended(seating)
    await clinic.main.attendance.complete()
    assert clinic.homeserver.rooms[room].membership(ASSISTANT) == "join"


async def test_it_stays_out_of_ended_conversations(clinic: Clinic, room: str) -> None:
    """It could not even tell that it is there."""
    await clinic.end_care(LUCIA, GARCIA)
    await clinic.main.attendance.complete()
    assert clinic.homeserver.rooms[room].membership(ASSISTANT) is None


async def test_it_leaves_when_the_clinic_changes_its_mind(clinic: Clinic, room: str) -> None:
    """From every room that it is in; and by default it is in none."""
    await leave_all(clinic)
    assert clinic.homeserver.rooms[room].membership(ASSISTANT) is None
    await clinic.main.attendance.complete()
    await clinic.push()
    for _ in range(2):
        await leave_all(clinic)
    assert clinic.homeserver.rooms[room].membership(ASSISTANT) == "leave"
    assert service_members(clinic, room) == [KEEPER]


async def test_death_at_any_step_is_made_up_for(clinic: Clinic, room: str) -> None:
    """Entering and leaving both."""
    for dies_at in range(1, 30):
        try:
            await clinic.process(dies_at=dies_at).attendance.complete()
        except Killed:
            survived = False
        else:
            survived = True
        await clinic.main.attendance.complete()
        assert clinic.homeserver.rooms[room].membership(ASSISTANT) == "join"
        await clinic.push()
        await leave_all(clinic)
        await clinic.push()
        if survived:
            break
    assert survived


async def test_one_rooms_trouble_is_not_anothers(clinic: Clinic, room: str) -> None:
    """The job goes on with the next room."""
    other = f"@portal_juan:{SETTINGS.homeserver.server_name}"
    await clinic.manage(other)
    await clinic.start_care(other, GARCIA)
    care = CareRelationship(other, GARCIA, "gp", clinic.clock(), None)
    second = await clinic.main.conversations.open(care)

    def fail(call: object) -> None:
        if f"'{room}'" in str(call):
            raise HomeserverUnreachableError

    clinic.homeserver.before = fail
    await clinic.main.attendance.complete()
    assert clinic.homeserver.rooms[second].membership(ASSISTANT) == "join"
