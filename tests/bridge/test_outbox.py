"""bridge/outbox.py: each message exactly once and in order, whatever fails, dies or happens at the same time."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from bridge.errors import HomeserverUnavailableError, MessageRefusedError
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.fake import Call
from bridge.outbox import Sent
from bridge.people import managed_among
from bridge.storage.conversations import conversations
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, LUCIA, Clinic, Killed, Process

GONE = MatrixError(status=403, errcode="M_FORBIDDEN", message="you are not in the room")
BUSY = MatrixError(status=429, errcode="M_LIMIT_EXCEEDED", message="slowly", retry_after_s=7.5)
BROKEN = MatrixError(status=500, errcode="M_UNKNOWN", message="oh")
BAD_TOKEN = MatrixError(status=401, errcode="M_UNKNOWN_TOKEN", message="who?")
UNREACHABLE = HomeserverUnreachableError("no answer")


@pytest.fixture
async def room(clinic: Clinic) -> str:
    """The consult room of Lucia and Garcia."""
    return await open_room(clinic)


async def open_room(clinic: Clinic, *, members: tuple[str, ...] = (LUCIA,)) -> str:
    """A consult room of the first of these members and Garcia."""
    room_id = await clinic.homeserver.create_room(
        user_id=KEEPER, body={"preset": "private_chat", "room_version": "12"}
    )
    for member in members:
        await clinic.homeserver.invite(user_id=KEEPER, room_id=room_id, invitee=member)
        await clinic.homeserver.join(user_id=member, room_id=room_id)
    row = {
        "id": room_id,
        "patient": f"{members[0]}",
        "professional": GARCIA,
        "nonce": room_id,
        "room_id": room_id,
        "created_at": clinic.clock(),
        "rotation_period_msgs": 100,
        "rotation_period_ms": 604_800_000,
    }
    async with clinic.database.write() as connection:
        await connection.execute(conversations.delete().where(conversations.c.patient == members[0]))
        await connection.execute(insert(conversations).values(row))
    return room_id


async def accept(clinic: Clinic, room_id: str, body: str, *, sender: str = LUCIA) -> dict[str, Any]:
    """Take a message in; what `deliver` wants to know of it."""
    send_id = uuid4().hex
    async with clinic.database.write() as connection:
        await clinic.main.outbox.accept(
            connection,
            send_id=send_id,
            room_id=room_id,
            sender=sender,
            event_type="m.room.message",
            content={"msgtype": "m.text", "body": body},
        )
    return {"send_id": send_id, "room_id": room_id}


async def send(clinic: Clinic, room_id: str, body: str, *, process: Process | None = None) -> Sent:
    """Take a message in and deliver it."""
    return await (process or clinic.main).outbox.deliver(**await accept(clinic, room_id, body))


async def row_of(clinic: Clinic, waiting: dict[str, Any]) -> Any:
    """The row of a message."""
    return await clinic.main.outbox.find(waiting["send_id"])


def failing(
    error: Exception, *, room_id: str | None = None, method: str = "send_event"
) -> Callable[[Call], None]:
    """A hook of the homeserver: this error for every such request (to this room)."""

    def fail(call: Call) -> None:
        if call.method == method and room_id in (None, call.arguments["room_id"]):
            raise error

    return fail


def works(_call: Call) -> None:
    """The hook that lets everything pass."""


async def test_a_message_goes_out_encrypted(clinic: Clinic, room: str) -> None:
    """Accepted, encrypted, sent: with the device's name on it, and a fact without words."""
    waiting = await accept(clinic, room, "me duele la cabeza")
    assert (await row_of(clinic, waiting)).state == "accepted"
    sent = await clinic.main.outbox.deliver(**waiting)
    row = await row_of(clinic, waiting)
    assert (row.state, row.sealed, row.content) == ("sent", None, None)
    assert sent == Sent(room_id=room, event_id=row.event_id, sent_at=clinic.clock())
    device = await clinic.main.encryption.device_of(LUCIA)
    (asked,) = clinic.homeserver.called("send_event")
    assert (asked["user_id"], asked["device_id"]) == (LUCIA, device.device_id)
    assert asked["event_type"] == "m.room.encrypted"
    assert await clinic.texts(room) == ["me duele la cabeza"]
    (fact,) = await clinic.facts("message.sent")
    assert (fact.subject, fact.data) == (room, {"event_id": sent.event_id, "sender": LUCIA})


async def test_words_are_sealed_while_they_wait(clinic: Clinic, room: str) -> None:
    """Neither before nor after encryption does any column hold what a person wrote."""
    waiting = await accept(clinic, room, "vih positivo")
    clinic.homeserver.before = failing(UNREACHABLE)
    for state in ("accepted", "encrypted"):
        row = await row_of(clinic, waiting)
        assert row.state == state
        raw = b"".join(
            value if isinstance(value, bytes) else json.dumps(value, default=str).encode() for value in row
        )
        assert b"vih" not in raw
        assert b"m.text" not in raw
        with pytest.raises(HomeserverUnavailableError):
            await clinic.main.outbox.deliver(**waiting)


def times_of_death() -> Iterator[int]:
    """Every step of a delivery that begins a session: requests and commits, before and after each."""
    return iter(range(1, 40))


async def test_death_at_any_step_loses_and_repeats_nothing(clinic: Clinic) -> None:
    """Killed at each commit and each request in turn, the next process delivers exactly once, in order.

    The transaction id stands from the beginning; once there is a ciphertext, nothing else is ever sent.
    """
    for dies_at in times_of_death():
        room_id = await open_room(clinic)
        dying = clinic.process(dies_at=dies_at)
        first, second = await accept(clinic, room_id, "uno"), await accept(clinic, room_id, "dos")
        txn_ids = [(await row_of(clinic, one)).txn_id for one in (first, second)]
        try:
            await dying.outbox.deliver(**second)
        except Killed:
            survived = False
        else:
            survived = True
        ciphertexts = [(await row_of(clinic, one)).content for one in (first, second)]
        await clinic.process().outbox.deliver_waiting()
        assert await clinic.texts(room_id) == ["uno", "dos"], dies_at
        asked = [one for one in clinic.homeserver.called("send_event") if one["room_id"] == room_id]
        assert list(dict.fromkeys(one["txn_id"] for one in asked)) == txn_ids
        for ciphertext, event in zip(ciphertexts, clinic.sent(room_id), strict=True):
            assert ciphertext in (None, event["content"])
        assert [(await row_of(clinic, one)).state for one in (first, second)] == ["sent", "sent"]
        if survived:
            break
    assert survived
    assert dies_at > 10


async def test_a_lost_answer_is_no_second_message(clinic: Clinic, room: str) -> None:
    """The homeserver took the message but its answer got lost: the retry gets the same event's id."""
    waiting = await accept(clinic, room, "hola")
    clinic.homeserver.after = failing(UNREACHABLE)
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    clinic.homeserver.after = works
    sent = await clinic.main.outbox.deliver(**waiting)
    first, second = clinic.homeserver.called("send_event")
    assert first == second
    assert [event["event_id"] for event in clinic.sent(room)] == [sent.event_id]


@pytest.mark.parametrize(
    ("error", "retry_after_s"), [(UNREACHABLE, 5.0), (BROKEN, 5.0), (BUSY, 7.5), (BAD_TOKEN, 5.0)]
)
async def test_temporary_trouble_keeps_the_message(
    clinic: Clinic, room: str, error: Exception, retry_after_s: float
) -> None:
    """The caller hears when to ask again; the message goes out once the trouble is over.

    A token that the homeserver does not know (it was set up wrongly) is the operator's trouble, and no message's end.
    """
    clinic.homeserver.before = failing(error)
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
    clinic.homeserver.before = failing(GONE)
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

    def refuse_the_sender(call: Call) -> None:
        if call.method in ("send_event", "joined_rooms"):
            raise GONE

    clinic.homeserver.before = refuse_the_sender
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**kept)
    clinic.homeserver.before = works
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["uno"]


async def test_an_unknown_device_loses_no_message(clinic: Clinic, room: str) -> None:
    """400 M_UNKNOWN_DEVICE may end, so the message waits."""
    kept = await accept(clinic, room, "uno")
    clinic.homeserver.before = failing(
        MatrixError(status=400, errcode="M_UNKNOWN_DEVICE", message="no such device")
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


async def test_order_within_a_room_is_the_order_of_acceptance(clinic: Clinic, room: str) -> None:
    """Deliveries that start in another order, all at once, keep it."""
    waiting = [await accept(clinic, room, str(number)) for number in range(6)]
    sent = await asyncio.gather(*(clinic.main.outbox.deliver(**one) for one in reversed(waiting)))
    assert await clinic.texts(room) == ["0", "1", "2", "3", "4", "5"]
    assert [one.event_id for one in reversed(sent)] == [event["event_id"] for event in clinic.sent(room)]


async def test_two_processes_send_one_event(clinic: Clinic, room: str) -> None:
    """Both deliver the same rows at the same time: one event each, and both know its id."""
    waiting = [await accept(clinic, room, str(number)) for number in range(3)]
    processes = [clinic.process(), clinic.process()]
    sent = await asyncio.gather(*(process.outbox.deliver(**one) for one in waiting for process in processes))
    assert await clinic.texts(room) == ["0", "1", "2"]
    event_ids = [event["event_id"] for event in clinic.sent(room)]
    assert [one.event_id for one in sent] == [event_id for event_id in event_ids for _ in processes]
    assert len(await clinic.facts("message.sent")) == 3


async def test_another_process_may_have_been_faster(clinic: Clinic, room: str) -> None:
    """Somebody else delivers the message while we are about to encrypt it: that is a success."""
    waiting = await accept(clinic, room, "hola")
    slow, fast = clinic.process(), clinic.process()
    prepare = slow.encryption.prepare

    async def overtaken(**arguments: Any) -> None:
        await prepare(**arguments)
        await fast.outbox.deliver_waiting()

    slow.encryption.prepare = overtaken
    sent = await slow.outbox.deliver(**waiting)
    assert [event["event_id"] for event in clinic.sent(room)] == [sent.event_id]


async def test_a_repeated_delivery_gives_the_message_it_was_asked_for(clinic: Clinic, room: str) -> None:
    """Even while an earlier message of the room, stored late, still waits."""
    earlier, asked = await accept(clinic, room, "uno"), await accept(clinic, room, "dos")
    await clinic.main.outbox.deliver(**asked)
    event_id = (await row_of(clinic, asked)).event_id
    async with clinic.database.write() as connection:
        # As if the earlier one's transaction had been committed after this one was sent.
        late = {
            "state": "accepted",
            "sealed": clinic.sealer.seal(b'{"body": "uno"}', context=f"sends:{earlier['send_id']}"),
            "txn_id": "late",
            "session_id": None,
        }
        await connection.execute(update(sends).where(sends.c.id == earlier["send_id"]).values(late))
    assert (await clinic.main.outbox.deliver(**asked)).event_id == event_id


async def test_one_rooms_trouble_does_not_stop_the_others(clinic: Clinic, room: str) -> None:
    """What waits in other rooms goes out, whatever ails the first: its homeserver's answer or its sender's keys."""
    other = await open_room(clinic, members=(JUAN,))
    for fault in ("homeserver", "keys"):
        await accept(clinic, room, fault)
        await accept(clinic, other, fault, sender=JUAN)
        if fault == "homeserver":
            clinic.homeserver.before = failing(BROKEN, room_id=room)
        else:
            await clinic.main.encryption.forget_device(LUCIA)
        await clinic.main.outbox.deliver_waiting()
        clinic.homeserver.before = works
    assert await clinic.texts(other, reader=JUAN) == ["homeserver", "keys"]


async def test_a_sender_without_keys_hears_to_come_back(clinic: Clinic, room: str) -> None:
    """While a device is not all published, the message waits; it goes out once the device is there."""
    await clinic.main.encryption.forget_device(LUCIA)
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    await clinic.main.encryption.provision(LUCIA)
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["hola"]


async def test_keys_that_are_refused_are_not_the_message(clinic: Clinic, room: str) -> None:
    """Whatever the homeserver has against our key requests, the message waits until keys can be shared."""

    def refuse(_method: str) -> None:
        raise MatrixError(status=413, errcode="M_TOO_LARGE", message="too many devices")

    clinic.key_server.before = refuse
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    clinic.key_server.before = lambda _method: None
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["hola"]


@pytest.mark.parametrize("others", [0, 250])
async def test_a_late_retry_finds_its_message_in_the_room(clinic: Clinic, room: str, others: int) -> None:
    """The homeserver has forgotten the transaction id by then, so the room's history is asked first."""
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(Killed):
        await deliver_until_sent(clinic, waiting)
    for number in range(others):
        await clinic.homeserver.send_event(
            user_id=LUCIA,
            device_id=None,
            room_id=room,
            event_type="m.room.encrypted",
            txn_id=str(number),
            content={"ciphertext": str(number)},
        )
    clinic.homeserver.forget_transactions()
    clinic.clock.pass_by(hours=30)
    sent = await clinic.process().outbox.deliver(**waiting)
    assert len(clinic.sent(room)) == 1 + others
    assert sent.event_id == clinic.sent(room)[0]["event_id"]


async def test_a_late_first_attempt_is_made(clinic: Clinic, room: str) -> None:
    """A message that never reached the room is sent, however long it waited; the search ends where it began."""
    await send(clinic, room, "ayer")
    clinic.clock.pass_by(hours=24)
    clinic.homeserver.before = failing(UNREACHABLE)
    waiting = await accept(clinic, room, "hola")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    clinic.homeserver.before = works
    clinic.clock.pass_by(hours=30)
    await clinic.main.outbox.deliver_waiting()
    assert await clinic.texts(room) == ["ayer", "hola"]
    assert len(clinic.homeserver.called("messages")) == 1


async def test_an_index_encrypts_one_message_ever(clinic: Clinic, room: str) -> None:
    """The database itself refuses a second message of the same step of the same session."""
    await send(clinic, room, "uno")
    waiting = await accept(clinic, room, "dos")
    used = (await clinic.rows(sends))[0]
    again = update(sends).where(sends.c.id == waiting["send_id"])
    with pytest.raises(IntegrityError):
        async with clinic.database.write() as connection:
            await connection.execute(
                again.values(session_id=used.session_id, message_index=used.message_index)
            )


async def test_indexes_are_never_reused(clinic: Clinic, room: str) -> None:
    """Two processes that send in turn and at once go on in the same session, each step once."""
    processes = [clinic.process(), clinic.process()]
    await asyncio.gather(
        *(send(clinic, room, str(number), process=processes[number % 2]) for number in range(10))
    )
    steps = [(row.session_id, row.message_index) for row in await clinic.rows(sends)]
    assert len(set(steps)) == 10
    assert sorted(await clinic.texts(room)) == [str(number) for number in range(10)]


async def test_keys_go_to_people_whose_invitation_waits(clinic: Clinic, room: str) -> None:
    """The professional is no member yet, but who reads later must have been a recipient from the start."""
    await send(clinic, room, "hola")
    async with clinic.database.read() as connection:
        assert await managed_among(connection, [GARCIA]) == []
        asked = select(conversations.c.professional).where(conversations.c.room_id == room)
        assert await connection.scalar(asked) == GARCIA
    assert "keys_query" in clinic.key_server.calls


# Each example is a story: processes that send, are cut off or killed at some step, and start again.
_events = st.lists(
    st.tuples(
        st.sampled_from(["send", "retry"]),
        st.sampled_from(["lives", "dies", "request lost", "answer lost", "busy"]),
        st.integers(1, 12),
    ),
    min_size=1,
    max_size=6,
)


@given(events=_events)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_any_story_ends_with_each_message_once_and_in_order(
    clinic: Clinic, events: list[tuple[str, str, int]]
) -> None:
    """Whatever sequence of faults: in the end the room holds exactly what was accepted, in that order."""
    room_id = await open_room(clinic)
    said: list[str] = []
    for act, fault, at in events:
        process = clinic.process(dies_at=at if fault == "dies" else None)
        lost = failing(UNREACHABLE, room_id=room_id)
        clinic.homeserver.before = {"request lost": lost, "busy": failing(BUSY)}.get(fault, works)
        clinic.homeserver.after = lost if fault == "answer lost" else works
        try:
            if act == "send":
                waiting = await accept(clinic, room_id, str(len(said)))
                said.append(str(len(said)))
                await process.outbox.deliver(**waiting)
            else:
                await process.outbox.deliver_waiting()
        except (Killed, HomeserverUnavailableError):
            pass
    clinic.homeserver.before = clinic.homeserver.after = works
    await clinic.process().outbox.deliver_waiting()
    assert await clinic.texts(room_id) == said


async def deliver_until_sent(clinic: Clinic, waiting: dict[str, Any]) -> None:
    """A process that dies as soon as the homeserver has the message. Raises Killed."""

    def die(call: Call) -> None:
        if call.method == "send_event":
            raise Killed

    clinic.homeserver.after = die
    try:
        await clinic.process().outbox.deliver(**waiting)
    finally:
        clinic.homeserver.after = works
