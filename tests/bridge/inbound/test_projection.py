"""bridge/inbound/projection.py: what follows from the events of a consult room."""

from typing import Any
from uuid import uuid4

import pytest

from appointments.care import CareRelationship
from bridge.matrix.events import RoomEvent
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """Lucía's consult room."""
    care = CareRelationship(LUCIA, GARCIA, "gp", clinic.clock(), None)
    return await clinic.main.conversations.open(care)


async def pushed(clinic: Clinic, room: str, event_type: str, content: dict[str, Any], *, sender: str) -> str:
    """The id of an event that the homeserver pushes."""
    event = RoomEvent(
        event_id=f"${uuid4().hex}",
        room_id=room,
        sender=sender,
        type=event_type,
        origin_server_ts=int(clinic.clock().timestamp() * 1000),
        content=content,
    )
    await clinic.main.inbound.room_event(await clinic.store(), event)
    return event.event_id


async def said(clinic: Clinic, room: str, *, edits: object = None, sender: str = GARCIA) -> str:
    """The id of a message, or of an edit of one."""
    content: dict[str, Any] = {"ciphertext": "…"}
    if edits is not None:
        content["m.relates_to"] = {"rel_type": "m.replace", "event_id": edits}
    return await pushed(clinic, room, "m.room.encrypted", content, sender=sender)


async def test_an_edit_is_a_fact_of_its_message(clinic: Clinic, room: str) -> None:
    """Of its sender's own, each time; of what is no message of hers there is none."""
    first, other = await said(clinic, room), await said(clinic, room, sender=LUCIA)
    edit = await said(clinic, room, edits=first)
    for edited in (first, other, edit, "$unknown", 5):
        await said(clinic, room, edits=edited)
    facts = await clinic.facts("message.edited")
    assert [(fact.subject, fact.data) for fact in facts] == [(room, {"event_id": first})] * 2


async def test_a_message_that_was_taken_back_is_a_fact(clinic: Clinic, room: str) -> None:
    """Once, and of messages alone: a reaction's redaction is told nobody."""
    message = await said(clinic, room)
    relation = {"rel_type": "m.annotation", "event_id": message, "key": "✅"}
    reaction = await pushed(clinic, room, "m.reaction", {"m.relates_to": relation}, sender=GARCIA)
    for redacted in (message, message, reaction, "$unknown"):
        await pushed(clinic, room, "m.room.redaction", {"redacts": redacted}, sender=GARCIA)
    facts = await clinic.facts("message.redacted")
    assert [(fact.subject, fact.data) for fact in facts] == [(room, {"event_id": message})]


async def test_an_edit_that_was_taken_back_is_a_fact_of_its_message(clinic: Clinic, room: str) -> None:
    """The message says again what it said before: once more it was edited, unless it was taken back itself."""
    first, second = await said(clinic, room), await said(clinic, room)
    edits = [await said(clinic, room, edits=edited) for edited in (first, second)]
    of_nobody = await said(clinic, room, edits=first, sender=LUCIA)
    for redacted in (edits[0], edits[0], of_nobody, second, edits[1]):
        await pushed(clinic, room, "m.room.redaction", {"redacts": redacted}, sender=GARCIA)
    facts = await clinic.facts("message.edited")
    assert [fact.data["event_id"] for fact in facts] == [first, second, first]
    assert [fact.data["event_id"] for fact in await clinic.facts("message.redacted")] == [second]


async def test_what_is_taken_back_elsewhere_changes_nothing(clinic: Clinic, room: str) -> None:
    """Another room's redaction of an edit that is not in it is no news of its message."""
    care = CareRelationship(JUAN, GARCIA, "gp", clinic.clock(), None)
    other = await clinic.main.conversations.open(care)
    edit = await said(clinic, room, edits=await said(clinic, room))
    await pushed(clinic, other, "m.room.redaction", {"redacts": edit}, sender=GARCIA)
    assert len(await clinic.facts("message.edited")) == 1
