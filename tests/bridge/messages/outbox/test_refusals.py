"""bridge/messages/outbox.py: what is refused for good is dropped, the rest waits, neither blocks another room."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from bridge.callers import idempotency
from bridge.errors import HomeserverUnavailableError, MessageRefusedError
from bridge.matrix.errors import MatrixError
from bridge.matrix.fake import Call
from bridge.messages.refused_sends import KEPT, prune
from bridge.storage.e2ee import outbound_sessions
from bridge.storage.sends import sends
from tests.bridge.clinic import JUAN, LUCIA, Clinic
from tests.bridge.messages.outbox.sending import BUSY, accept, open_room, row_of, send
from tests.bridge.trouble import UNREACHABLE, failing, works

GONE = MatrixError(status=403, errcode="M_FORBIDDEN", message="you are not in the room")
BROKEN = MatrixError(status=500, errcode="M_UNKNOWN", message="oh")
BAD_TOKEN = MatrixError(status=401, errcode="M_UNKNOWN_TOKEN", message="who?")


@pytest.mark.parametrize(
    ("error", "retry_after_s"), [(UNREACHABLE, 5.0), (BROKEN, 5.0), (BUSY, 7.5), (BAD_TOKEN, 5.0)]
)
async def test_temporary_trouble_keeps_the_message(
    clinic: Clinic, room: str, error: Exception, retry_after_s: float
) -> None:
    """The caller hears when to ask again; the message goes out once the trouble is over.

    A token that the homeserver does not know (it was set up wrongly) is the operator's trouble, and no message's end.
    """
    clinic.homeserver.before = failing(error, "send_event")
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(HomeserverUnavailableError) as raised:
        await clinic.main.outbox.deliver(**waiting)
    assert raised.value.retry_after_s == retry_after_s
    clinic.homeserver.before = works
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["hola"]


async def test_a_refused_message_does_not_block_its_room(clinic: Clinic, room: str) -> None:
    """What the homeserver refuses for good is dropped, words and ciphertext; the next message goes out."""
    refused = await accept(clinic, room, "uno")
    clinic.homeserver.before = failing(GONE, "send_event")
    with pytest.raises(MessageRefusedError):
        await clinic.main.outbox.deliver(**refused)
    clinic.homeserver.before = works
    row = await row_of(clinic, refused)
    assert (row.state, row.sealed, row.content) == ("refused", None, None)
    await send(clinic, room, "dos")
    assert await clinic.texts(room) == ["dos"]
    with pytest.raises(MessageRefusedError):
        await clinic.main.outbox.deliver(**refused)


async def test_a_registration_that_lacks_the_sender_loses_no_message(clinic: Clinic, room: str) -> None:
    """A 403 to everything that the sender asks is the operator's to mend: the message waits."""
    kept = await accept(clinic, room, "uno")
    clinic.homeserver.before = failing(GONE, "send_event", "joined_rooms")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**kept)
    clinic.homeserver.before = works
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["uno"]


async def test_an_unknown_device_loses_no_message(clinic: Clinic, room: str) -> None:
    """400 M_UNKNOWN_DEVICE may end, so the message waits."""
    kept = await accept(clinic, room, "uno")
    clinic.homeserver.before = failing(
        MatrixError(status=400, errcode="M_UNKNOWN_DEVICE", message="no such device"), "send_event"
    )
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**kept)
    clinic.homeserver.before = works
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["uno"]


async def test_an_earlier_refusal_is_not_the_later_senders(clinic: Clinic, room: str) -> None:
    """Whoever delivers what waited before her own message hears of her own message only."""
    refused = await accept(clinic, room, "uno")
    answers = iter([GONE])

    def refuse_once(call: Call) -> None:
        if call.method == "send_event":
            for error in answers:
                raise error

    clinic.homeserver.before = refuse_once
    await send(clinic, room, "dos")
    assert await clinic.texts(room) == ["dos"]
    assert (await row_of(clinic, refused)).state == "refused"


async def test_one_rooms_trouble_does_not_stop_the_others(clinic: Clinic, room: str) -> None:
    """What waits in other rooms goes out, whatever ails the first: its homeserver's answer or its sender's keys."""
    other = await open_room(clinic, members=(JUAN,))
    for fault in ("homeserver", "keys"):
        await accept(clinic, room, fault)
        await accept(clinic, other, fault, sender=JUAN)
        if fault == "homeserver":
            clinic.homeserver.before = failing(BROKEN, "send_event", about=room)
        else:
            await clinic.main.encryption.forget_device(LUCIA)
        await clinic.main.outbox.deliver_waiting()
        clinic.homeserver.before = works
    assert await clinic.texts(other, reader=JUAN) == ["homeserver", "keys"]


async def prune_after(clinic: Clinic, days: int) -> int:
    """How many messages are forgotten so long from now."""
    async with clinic.database.write() as connection:
        return await prune(connection, now=clinic.clock() + timedelta(days=days))


async def test_a_refused_message_is_forgotten_in_time(clinic: Clinic, room: str) -> None:
    """Not while whoever repeats the request could send it after all; what waits and what was sent stays."""
    sent = await accept(clinic, room, "cero")
    await clinic.main.outbox.deliver(**sent)
    clinic.homeserver.before = failing(GONE, "send_event")
    refused = await accept(clinic, room, "uno")
    with pytest.raises(MessageRefusedError):
        await clinic.main.outbox.deliver(**refused)
    waiting = await accept(clinic, room, "dos")
    await rotate(clinic)
    assert KEPT > idempotency.KEPT
    assert [await prune_after(clinic, days) for days in (29, 30, 31)] == [0, 1, 0]
    assert [row.id for row in await clinic.rows(sends)] == [sent["send_id"], waiting["send_id"]]
    with pytest.raises(MessageRefusedError):
        await clinic.main.outbox.deliver(**refused)


async def test_an_index_of_a_session_that_encrypts_stays_taken(clinic: Clinic, room: str) -> None:
    """Even when its message was refused: no other may be encrypted with it, says the database."""
    clinic.homeserver.before = failing(GONE, "send_event")
    refused = await accept(clinic, room, "uno")
    with pytest.raises(MessageRefusedError):
        await clinic.main.outbox.deliver(**refused)
    assert await prune_after(clinic, 31) == 0
    await rotate(clinic)
    assert await prune_after(clinic, 31) == 1


async def rotate(clinic: Clinic) -> None:
    """No session of now encrypts any more."""
    async with clinic.database.write() as connection:
        await connection.execute(update(outbound_sessions).values(is_current=False))
