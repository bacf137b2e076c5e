"""Who follows into the new room is new there: keys come a moment after her, those of all rooms (ADR 2)."""

import pytest

from appointments.care import CareRelationship
from bridge.e2ee.model import EncryptedEvent
from bridge.e2ee.settings import EncryptionSettings
from bridge.storage.database import Database
from tests.bridge.clinic import GARCIA, LUCIA, SETTINGS, Clinic
from tests.bridge.e2ee.client import Client
from tests.bridge.upgrading.ward import answer, moved, opened, say, upgrade

MOMENT_S = 2


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """One where it takes a moment."""
    encryption = EncryptionSettings(introduction_s=MOMENT_S)
    made = Clinic(database, settings=SETTINGS.model_copy(update={"encryption": encryption}))
    await made.manage(LUCIA)
    await made.start_care(LUCIA, GARCIA)
    return made


@pytest.fixture
async def doctor(clinic: Clinic) -> Client:
    """Garcia's client."""
    made = Client.with_identity(clinic.key_server, GARCIA, "GARCIA1")
    await made.log_in()
    return made


async def reads(clinic: Clinic, doctor: Client, room_id: str) -> list[str | None]:
    """What she reads of Lucia's messages in a room; None where she has no key."""
    await doctor.sync()
    return [
        doctor.read(EncryptedEvent("$", room_id, LUCIA, event["content"]))
        if event["content"]["session_id"] in doctor.rooms
        else None
        for event in clinic.sent(room_id)
        if event["sender"] == LUCIA
    ]


async def introduced(clinic: Clinic) -> None:
    """A moment passes, and the job comes by."""
    clinic.clock.pass_by(seconds=MOMENT_S)
    await clinic.process().introductions.introduce()


@pytest.mark.parametrize("was_introduced", [True, False])
async def test_keys_come_a_moment_after_she_followed(
    clinic: Clinic, doctor: Client, *, was_introduced: bool
) -> None:
    """None while she is invited; then those of the old room too, into which she had come a moment before, or not."""
    room = await opened(clinic)
    if was_introduced:
        await introduced(clinic)
    await say(clinic, room, "uno")
    new = await moved(clinic, room)
    await say(clinic, room, "dos")
    await introduced(clinic)
    assert await reads(clinic, doctor, new) == [None]
    await clinic.homeserver.join(user_id=GARCIA, room_id=new)
    await clinic.push()
    assert await reads(clinic, doctor, new) == [None]
    await introduced(clinic)
    assert [*await reads(clinic, doctor, room), *await reads(clinic, doctor, new)] == ["uno", "dos"]


async def test_the_old_invitation_gives_no_keys_at_once(clinic: Clinic, doctor: Client) -> None:
    """Who was in no room of the conversation is as new in the old one; in the new one her moment begins."""
    room = await clinic.main.conversations.open(CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None))
    await clinic.push()
    await say(clinic, room, "uno")
    new = await upgrade(room, clinic.main, waits_for_people=False)
    assert new is not None
    await clinic.push()
    await clinic.homeserver.join(user_id=GARCIA, room_id=room)
    await clinic.push()
    await introduced(clinic)
    assert await reads(clinic, doctor, room) == [None]
    await clinic.homeserver.join(user_id=GARCIA, room_id=new)
    await clinic.push()
    assert await reads(clinic, doctor, room) == [None]
    await introduced(clinic)
    assert await reads(clinic, doctor, room) == ["uno"]


async def test_who_writes_in_the_old_room_is_not_in_the_new_one(clinic: Clinic, doctor: Client) -> None:
    """Until it is closed she may."""
    room = await opened(clinic)
    new = await moved(clinic, room)
    clinic.homeserver.rooms[room].state()["m.room.power_levels", ""]["content"]["events_default"] = 0
    await answer(clinic, room)
    await say(clinic, room, "dos")
    await introduced(clinic)
    assert await reads(clinic, doctor, new) == [None]
