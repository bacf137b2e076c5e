"""Lucía's conversation with Garcia, and what is done with its rooms."""

from typing import Any
from uuid import uuid4

from appointments.care import CareRelationship
from bridge.storage.conversations import room_upgrades
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.messages.writing import read, send
from tests.bridge.process import Process


async def opened(clinic: Clinic, patient: str = LUCIA) -> str:
    """Their conversation, in which Garcia is."""
    room_id = await clinic.main.conversations.open(
        CareRelationship(patient, GARCIA, "gp", clinic.clock(), None)
    )
    await clinic.homeserver.join(user_id=GARCIA, room_id=room_id)
    await clinic.push()
    return room_id


async def upgrade(
    conversation_id: str, process: Process, *, version: str = "13", waits_for_people: bool = True
) -> str | None:
    """Move it: its room then."""
    return await process.upgrading.upgrade(
        conversation_id, version=version, waits_for_people=waits_for_people
    )


async def moved(clinic: Clinic, conversation_id: str, *, version: str = "13") -> str:
    """The same, which succeeds; what follows has reached us."""
    room_id = await upgrade(conversation_id, clinic.main, version=version)
    assert room_id is not None
    await clinic.push()
    return room_id


async def say(clinic: Clinic, conversation_id: str, body: str) -> str:
    """Lucia writes: the message's id."""
    sent = await send(clinic, conversation_id=conversation_id, body=body, operation_id=uuid4().hex)
    assert sent.conversation_id == conversation_id
    clinic.clock.pass_by(seconds=1)
    await clinic.push()
    return sent.message_id


async def answer(clinic: Clinic, room_id: str, *, sender: str = GARCIA) -> str:
    """Somebody with a client writes in this room: the message's id. What it says is not for us to know."""
    event_id = await clinic.homeserver.send_event(
        user_id=sender,
        device_id=None,
        room_id=room_id,
        event_type="m.room.encrypted",
        txn_id=uuid4().hex,
        content={"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "…", "session_id": "s"},
    )
    clinic.clock.pass_by(seconds=1)
    await clinic.push()
    return event_id


async def pages(clinic: Clinic, conversation_id: str, *, limit: int) -> list[Any]:
    """Every page that Lucia is shown, the newest first."""
    found, before = [], None
    while True:
        page = await read(clinic, conversation_id, limit=limit, before=before)
        found.append(page)
        if page.next is None:
            return found
        before = page.next


async def bodies(clinic: Clinic, conversation_id: str, *, limit: int = 50) -> list[str | None]:
    """What Lucia is shown, the newest first."""
    found = await pages(clinic, conversation_id, limit=limit)
    assert {page.conversation.conversation_id for page in found} == {found[0].conversation.conversation_id}
    return [message.body for page in found for message in page.messages]


def state(clinic: Clinic, room_id: str, event_type: str) -> dict[str, Any]:
    """The content of a state of this room."""
    event = clinic.homeserver.rooms[room_id].state().get((event_type, ""), {"content": {}})
    content: dict[str, Any] = event["content"]
    return content


async def steps(clinic: Clinic) -> list[Any]:
    """What is noted of upgrades."""
    return await clinic.rows(room_upgrades)
