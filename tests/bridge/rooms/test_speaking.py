"""bridge/rooms/speaking.py in the outbox: what must not go out any more stays, however far it had come."""

from typing import Any

import pytest
from sqlalchemy import update

from appointments.errors import NotInCareTeamError
from bridge.errors import HomeserverUnavailableError, IdentityChangedError
from bridge.matrix.errors import HomeserverUnreachableError
from bridge.storage.database import Database
from bridge.storage.e2ee import tracked_users
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.trouble import UNREACHABLE, failing, works


async def send(clinic: Clinic, operation_id: str = "op") -> str:
    """A message from Lucía to García: its room."""
    sent = await clinic.main.messages.send(
        sender=LUCIA,
        conversation_id=None,
        recipient=GARCIA,
        body="hola",
        reply_to=None,
        operation_id=operation_id,
    )
    return sent.conversation_id


async def states(clinic: Clinic) -> dict[str, str]:
    """The state of each message."""
    return {row.id: row.state for row in await clinic.rows(sends)}


async def test_an_encrypted_message_does_not_go_out_once_care_has_ended(clinic: Clinic) -> None:
    """The homeserver never got it, and gets it no more; its words are gone from our database too."""
    room_id = await send(clinic)
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    with pytest.raises(HomeserverUnavailableError):
        await send(clinic, "waits")
    clinic.homeserver.before = works
    assert (await states(clinic))["waits"] == "encrypted"
    await clinic.end_care(LUCIA, GARCIA)
    await clinic.process().outbox.deliver_waiting()
    row = next(row for row in await clinic.rows(sends) if row.id == "waits")
    assert (row.state, row.sealed, row.content) == ("refused", None, None)
    assert len(clinic.sent(room_id)) == 1
    with pytest.raises(NotInCareTeamError):
        await send(clinic, "waits")


async def test_an_accepted_message_is_not_even_encrypted_once_care_has_ended(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for a device's keys."""
    room_id = await send(clinic)
    process = clinic.process()

    async def not_now(**_arguments: Any) -> None:
        raise HomeserverUnreachableError("no answer")

    monkeypatch.setattr(process.encryption, "prepare", not_now)
    with pytest.raises(HomeserverUnavailableError):
        await process.messages.send(
            sender=LUCIA,
            conversation_id=room_id,
            recipient=None,
            body="hola",
            reply_to=None,
            operation_id="waits",
        )
    assert (await states(clinic))["waits"] == "accepted"
    await clinic.end_care(LUCIA, GARCIA)
    await clinic.process().outbox.deliver_waiting()
    assert (await states(clinic))["waits"] == "refused"


async def test_what_the_room_has_counts_as_sent(clinic: Clinic) -> None:
    """Its request was under way when care ended: only the answer got lost, so it is no refusal."""
    room_id = await send(clinic)
    clinic.homeserver.after = failing(UNREACHABLE, "send_event")
    with pytest.raises(HomeserverUnavailableError):
        await send(clinic, "answer lost")
    clinic.homeserver.after = works
    await clinic.end_care(LUCIA, GARCIA)
    await clinic.process().outbox.deliver_waiting()
    assert (await states(clinic))["answer lost"] == "sent"
    assert len(clinic.sent(room_id)) == 2


async def set_identity(database: Database, user_id: str, *, changed: bool) -> None:
    """Whether this person's published identity is the one that we pinned."""
    values = {"pinned_master": "first", "master_key": "second" if changed else "first"}
    async with database.write() as connection:
        await connection.execute(
            update(tracked_users).where(tracked_users.c.user_id == user_id).values(values)
        )


async def test_a_changed_identity_stops_delivery_until_it_is_accepted(clinic: Clinic) -> None:
    """What is new is refused and not kept; what waited, waits, and goes out then."""
    room_id = await send(clinic)
    clinic.homeserver.before = failing(UNREACHABLE, "send_event")
    with pytest.raises(HomeserverUnavailableError):
        await send(clinic, "waits")
    clinic.homeserver.before = works
    await set_identity(clinic.database, GARCIA, changed=True)
    with pytest.raises(IdentityChangedError):
        await send(clinic, "new")
    await clinic.process().outbox.deliver_waiting()
    assert await states(clinic) == {"op": "sent", "waits": "encrypted"}
    with pytest.raises(IdentityChangedError):
        await send(clinic, "waits")
    await set_identity(clinic.database, GARCIA, changed=False)
    await clinic.process().outbox.deliver_waiting()
    assert await states(clinic) == {"op": "sent", "waits": "sent"}
    assert len(clinic.sent(room_id)) == 2


async def test_one_conversations_identity_is_not_anothers(clinic: Clinic) -> None:
    """Somebody else's changed identity stops nothing here."""
    await send(clinic)
    await set_identity(clinic.database, LUCIA, changed=True)
    room_id = await send(clinic, "mine is not the other's")
    assert set((await states(clinic)).values()) == {"sent"}
    assert len(clinic.sent(room_id)) == 2
