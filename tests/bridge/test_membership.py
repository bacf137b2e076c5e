"""bridge/membership.py: the room follows care, representations and departures, whoever dies on the way."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from appointments.access import parties_of
from appointments.errors import NotInCareTeamError
from bridge import departures, representation
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError
from bridge.matrix.errors import HomeserverUnreachableError
from bridge.matrix.fake import Call
from bridge.messages_model import SentMessage
from bridge.rooms import room_encryption
from bridge.storage.conversations import conversations
from tests.bridge.clinic import GARCIA, HOSPITAL, JUAN, KEEPER, LUCIA, PORTAL, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.trouble import works

HOUR = timedelta(hours=1)
OTHER_SERVER = "@abuela:elsewhere.example"
SERVERS = [PORTAL, HOSPITAL, "elsewhere.example"]


async def acts(clinic: Clinic, person: str, **period: datetime | None) -> None:
    """This person acts for Lucía in messages."""
    async with clinic.database.write() as connection:
        await representation.start_representation(
            connection,
            sealer=clinic.sealer,
            servers=SERVERS,
            patient=LUCIA,
            representative=person,
            scopes=frozenset({"messages"}),
            reason=None,
            now=clinic.clock(),
            **{"starts": clinic.clock(), "ends": None, **period},
        )


async def acts_no_more(clinic: Clinic, person: str) -> None:
    """End it."""
    async with clinic.database.write() as connection:
        await representation.end_representation(
            connection, patient=LUCIA, representative=person, now=clinic.clock()
        )


async def leaves(clinic: Clinic, professional: str) -> None:
    """The professional has left."""
    async with clinic.database.write() as connection:
        await departures.depart(connection, professional=professional, now=clinic.clock())


async def send(
    clinic: Clinic, *, sender: str = LUCIA, operation_id: str = "op", **target: str
) -> SentMessage:
    """A message, by default to García."""
    given: dict[str, Any] = {"conversation_id": None, "recipient": None if target else GARCIA, **target}
    return await clinic.main.messages.send(
        sender=sender, body="hola", reply_to=None, operation_id=operation_id, **given
    )


def members(clinic: Clinic, room_id: str) -> dict[str, str]:
    """Who is what in the room, the keeper aside."""
    room = clinic.homeserver.rooms[room_id]
    people = (key for event_type, key in room.state() if event_type == "m.room.member")
    return {person: str(room.membership(person)) for person in people if person != KEEPER}


def may_write(clinic: Clinic, room_id: str, person: str = GARCIA) -> bool:
    """Whether the room's levels let this person write."""
    return clinic.homeserver.rooms[room_id].may(person, "events_default")


async def job(clinic: Clinic) -> None:
    """The job comes by, in another process."""
    await clinic.process().conversations.reconcile_due()


async def test_the_room_follows_care(clinic: Clinic) -> None:
    """Ended: nobody but the keeper writes, everybody stays. Started again: as before. Nothing new: no request."""
    room_id = (await send(clinic)).conversation_id
    assert may_write(clinic, room_id)
    for _ in range(2):
        await clinic.end_care(LUCIA, GARCIA)
        await job(clinic)
        assert not may_write(clinic, room_id)
        assert may_write(clinic, room_id, KEEPER)
        assert members(clinic, room_id) == {LUCIA: "join", GARCIA: "invite"}
        await clinic.start_care(LUCIA, GARCIA)
        await job(clinic)
        assert may_write(clinic, room_id)
    levels = clinic.homeserver.rooms[room_id].state()["m.room.power_levels", ""]["content"]
    assert (levels["invite"], levels["state_default"], levels["events"]) == (100, 100, {})
    clinic.homeserver.calls.clear()
    await clinic.start_care(LUCIA, GARCIA)
    await job(clinic)
    assert clinic.homeserver.calls == []


async def test_time_alone_ends_and_starts(clinic: Clinic) -> None:
    """At the very instant, without anybody saying so."""
    start = clinic.clock()
    await clinic.start_care(LUCIA, GARCIA, ends=start + HOUR)
    room_id = (await send(clinic)).conversation_id
    clinic.clock.at = start + HOUR - timedelta(seconds=1)
    await job(clinic)
    assert may_write(clinic, room_id)
    clinic.clock.at = start + HOUR
    await job(clinic)
    assert not may_write(clinic, room_id)
    await clinic.start_care(LUCIA, GARCIA, starts=start + 2 * HOUR)
    await job(clinic)
    assert not may_write(clinic, room_id)
    clinic.clock.at = start + 2 * HOUR
    await job(clinic)
    assert may_write(clinic, room_id)


async def test_a_message_right_after_care_started_again_goes_out(clinic: Clinic) -> None:
    """Whoever comes before the job has the room made ready first."""
    room_id = (await send(clinic)).conversation_id
    await clinic.end_care(LUCIA, GARCIA)
    await job(clinic)
    with pytest.raises(NotInCareTeamError):
        await send(clinic, conversation_id=room_id, operation_id="two")
    await clinic.start_care(LUCIA, GARCIA)
    await send(clinic, conversation_id=room_id, operation_id="three")
    assert len(clinic.sent(room_id)) == 2


async def test_a_representative_takes_part_from_then_on(clinic: Clinic) -> None:
    """She joins, gets what is written from then on, writes herself, and is taken out when it ends."""
    room_id = (await send(clinic)).conversation_id
    await acts(clinic, JUAN, ends=clinic.clock() + HOUR)
    await job(clinic)
    assert members(clinic, room_id)[JUAN] == "join"
    await send(clinic, conversation_id=room_id, operation_id="two")
    await send(clinic, sender=JUAN, conversation_id=room_id, operation_id="three")
    await clinic.push()
    assert await clinic.texts(room_id, reader=JUAN) == ["unknown-session", "hola", "hola"]
    history = await clinic.main.messages.history(reader=LUCIA, conversation_id=room_id, limit=10, before=None)
    assert [one.sender_role for one in history.messages] == ["representative", "patient", "patient"]
    clinic.clock.pass_by(hours=1)
    async with clinic.database.read() as connection:
        now = clinic.clock()
        assert (await room_encryption(connection, room_id, reading=clinic.reading, now=now)).recipients == {
            LUCIA,
            GARCIA,
        }
    await job(clinic)
    assert members(clinic, room_id)[JUAN] == "leave"
    with pytest.raises(ConversationNotFoundError):
        await clinic.main.messages.history(reader=JUAN, conversation_id=room_id, limit=10, before=None)
    with pytest.raises(ConversationNotFoundError):
        await send(clinic, sender=JUAN, conversation_id=room_id, operation_id="four")
    assert await clinic.main.conversations.list(user_id=JUAN) == []  # his own was never opened


async def test_a_representative_on_another_server_is_let_in(clinic: Clinic) -> None:
    """The room's server ACL follows: her server before her invitation, and without it once she is out."""
    room_id = (await send(clinic)).conversation_id

    def servers() -> set[str]:
        state = clinic.homeserver.rooms[room_id].state()
        return set(state["m.room.server_acl", ""]["content"]["allow"])

    assert "elsewhere.example" not in servers()
    await acts(clinic, OTHER_SERVER)
    await job(clinic)
    assert members(clinic, room_id)[OTHER_SERVER] == "invite"
    assert "elsewhere.example" in servers()
    await acts_no_more(clinic, OTHER_SERVER)
    await job(clinic)
    assert members(clinic, room_id)[OTHER_SERVER] == "leave"
    assert "elsewhere.example" not in servers()


async def test_a_departed_professional_is_taken_out_of_every_room(clinic: Clinic) -> None:
    """Rooms that had ended before, too; the patients stay and read. Back in care, she is invited where she cares."""
    first = (await send(clinic)).conversation_id
    second = (await send(clinic, sender=JUAN, operation_id="juan")).conversation_id
    await clinic.end_care(JUAN, GARCIA)
    await job(clinic)
    clinic.clock.pass_by(minutes=1)
    for _ in range(2):
        await leaves(clinic, GARCIA)
        await job(clinic)
        assert members(clinic, first) == {LUCIA: "join", GARCIA: "leave"}
        assert members(clinic, second) == {JUAN: "join", GARCIA: "leave"}
    assert not may_write(clinic, first)
    assert len(await clinic.main.conversations.list(user_id=LUCIA)) == 1
    assert await clinic.main.conversations.list(user_id=GARCIA) == []
    clinic.clock.pass_by(minutes=1)
    await clinic.start_care(LUCIA, GARCIA)
    await job(clinic)
    assert members(clinic, first)[GARCIA] == "invite"
    assert members(clinic, second)[GARCIA] == "leave"


async def test_whoever_got_in_is_taken_out(clinic: Clinic) -> None:
    """Somebody in the room whom nothing entitles to be there is removed when the room is looked at."""
    room_id = (await send(clinic)).conversation_id
    await clinic.homeserver.invite(user_id=KEEPER, room_id=room_id, invitee="@intruder:x")
    await clinic.end_care(LUCIA, GARCIA)
    await job(clinic)
    assert members(clinic, room_id)["@intruder:x"] == "leave"


async def test_death_at_any_step_ends_in_the_same_room(clinic: Clinic) -> None:
    """Killed at each commit and request in turn: the next process makes the room what it should be."""
    room_id = (await send(clinic)).conversation_id
    survived = False
    dies_at = 0
    while not survived:
        dies_at += 1
        clinic.clock.pass_by(seconds=1)
        if dies_at % 2:
            await acts(clinic, JUAN)
            await clinic.end_care(LUCIA, GARCIA)
        else:
            await acts_no_more(clinic, JUAN)
            await clinic.start_care(LUCIA, GARCIA)
        try:
            await clinic.process(dies_at=dies_at).conversations.reconcile_due()
        except Killed:
            await job(clinic)
        else:
            survived = True
        await is_as_it_should_be(clinic, room_id)
    assert dies_at > 8


async def test_a_change_while_the_room_is_made_ready_is_not_lost(clinic: Clinic) -> None:
    """Care that starts again while another process still raises the levels: the job comes by once more."""
    room_id = (await send(clinic)).conversation_id
    await clinic.end_care(LUCIA, GARCIA)
    slow = clinic.process()
    send_state = slow.matrix.send_state

    async def overtaken(**arguments: Any) -> None:
        clinic.clock.pass_by(seconds=1)
        await clinic.start_care(LUCIA, GARCIA)
        await job(clinic)
        await send_state(**arguments)

    slow.matrix.send_state = overtaken
    await slow.conversations.reconcile_due()
    await job(clinic)
    await is_as_it_should_be(clinic, room_id)
    assert may_write(clinic, room_id)


async def test_while_the_homeserver_is_away_it_stays_due(clinic: Clinic) -> None:
    """Nothing is given up; a reader or writer hears that it is not available."""
    room_id = (await send(clinic)).conversation_id

    def away(_call: Call) -> None:
        raise HomeserverUnreachableError("no answer")

    clinic.homeserver.before = away
    await clinic.end_care(LUCIA, GARCIA)
    await job(clinic)
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.messages.history(reader=LUCIA, conversation_id=room_id, limit=1, before=None)
    clinic.homeserver.before = works
    await job(clinic)
    await is_as_it_should_be(clinic, room_id)


async def is_as_it_should_be(clinic: Clinic, room_id: str) -> None:
    """The room's people and levels are those of care now, and nothing is due."""
    async with clinic.database.read() as connection:
        parties = await parties_of(connection, patient=LUCIA, professional=GARCIA, now=clinic.clock())
    present = {person for person, what in members(clinic, room_id).items() if what in ("join", "invite")}
    if parties.is_open:
        assert present == parties.members
    else:
        assert present <= parties.members
    assert may_write(clinic, room_id) is parties.is_open
    (row,) = [one for one in await clinic.rows(conversations) if one.room_id == room_id]
    assert row.review_at is None or row.review_at > clinic.clock()
