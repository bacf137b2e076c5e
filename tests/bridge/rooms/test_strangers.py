"""bridge/rooms/strangers.py: who was put into a consult room past us gets no keys, and is taken out."""

import logging
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from bridge.people import departures, representation
from bridge.rooms.rooms import set_membership
from bridge.rooms.strangers import StrangerWatch
from bridge.storage.database import Database
from tests.bridge.clinic import ASSISTANT, GARCIA, HOSPITAL, JUAN, KEEPER, LUCIA, PORTAL, Clinic

EVE = "@eve:hospital"


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    """A clinic with a patient and her professional."""
    made = Clinic(database)
    await made.manage(LUCIA)
    await made.start_care(LUCIA, GARCIA)
    return made


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """Their consult room, with a message in it."""
    sent = await clinic.main.messages.send(
        sender=LUCIA, conversation_id=None, recipient=GARCIA, body="hola", reply_to=None, operation_id="op"
    )
    return sent.conversation_id


def watch(clinic: Clinic, registry: CollectorRegistry) -> StrangerWatch:
    """What the job calls."""
    return StrangerWatch(
        database=clinic.database, settings=clinic.settings, now=clinic.clock, registry=registry
    )


async def put_in(clinic: Clinic, room_id: str, person: str) -> None:
    """Somebody with the application service's token has the keeper invite this person."""
    await clinic.homeserver.invite(user_id=KEEPER, room_id=room_id, invitee=person)
    await clinic.homeserver.join(user_id=person, room_id=room_id)
    await clinic.push()


async def test_a_stranger_is_counted_told_and_taken_out(
    clinic: Clinic, room: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Once each; afterwards the room is as it should be, and those who take part are still in it."""
    registry = CollectorRegistry()
    watching = watch(clinic, registry)
    await put_in(clinic, room, EVE)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await watching.look()
    assert registry.get_sample_value("videoconsulta_strangers") == 1
    assert caplog.text.count(EVE) == 1
    await clinic.process().conversations.reconcile_due()
    members = clinic.homeserver.rooms[room]
    assert members.membership(EVE) == "leave"
    assert (members.membership(LUCIA), members.membership(GARCIA)) == ("join", "invite")
    await clinic.push()
    await watching.look()
    assert registry.get_sample_value("videoconsulta_strangers") == 0


async def acts(clinic: Clinic, person: str) -> None:
    """She acts for Lucía in messages for an hour."""
    async with clinic.database.write() as connection:
        await representation.start_representation(
            connection,
            sealer=clinic.sealer,
            servers=[PORTAL, HOSPITAL],
            bots=[],
            patient=LUCIA,
            representative=person,
            scopes=frozenset({"messages"}),
            starts=clinic.clock(),
            ends=clinic.clock() + timedelta(hours=1),
            reason=None,
            now=clinic.clock(),
        )


async def count(clinic: Clinic) -> float | None:
    """What a new watch shows."""
    registry = CollectorRegistry()
    await watch(clinic, registry).look()
    return registry.get_sample_value("videoconsulta_strangers")


async def test_nobody_else_is_one(clinic: Clinic, room: str) -> None:
    """Not the bots, nor a representative, nor who was one a moment ago: taking her out is due."""
    await acts(clinic, JUAN)
    for person in (ASSISTANT, JUAN):
        await put_in(clinic, room, person)
    await clinic.process().conversations.reconcile_due()
    assert await count(clinic) == 0
    clinic.clock.pass_by(hours=1)
    assert await count(clinic) == 0


async def test_who_takes_part_no_more_and_is_put_back_is_one(clinic: Clinic, room: str) -> None:
    """A representative whose time is over, and a professional who left."""
    await acts(clinic, JUAN)
    await clinic.process().conversations.reconcile_due()
    clinic.clock.pass_by(hours=1)
    async with clinic.database.write() as connection:
        await departures.depart(connection, professional=GARCIA, now=clinic.clock())
    clinic.clock.pass_by(seconds=1)
    await clinic.process().conversations.reconcile_due()
    members = clinic.homeserver.rooms[room]
    for person in (JUAN, GARCIA):
        assert members.membership(person) == "leave"
        await put_in(clinic, room, person)
    assert await count(clinic) == 2
    await clinic.process().conversations.reconcile_due()
    assert {members.membership(person) for person in (JUAN, GARCIA)} == {"leave"}
    assert await count(clinic) == 0


async def test_a_member_who_is_in_no_room_is_forgotten(clinic: Clinic, room: str) -> None:
    """Pushed with a stolen token of the homeserver's: the room says otherwise."""
    async with clinic.database.write() as connection:
        await set_membership(connection, room, EVE, "join")
    assert await count(clinic) == 1
    await clinic.process().conversations.reconcile_due()
    assert await count(clinic) == 0
