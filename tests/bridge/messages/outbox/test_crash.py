"""bridge/messages/outbox.py: killed, cut off or left without an answer, each message goes out once and in order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import HomeserverUnavailableError
from tests.bridge.clinic import Clinic
from tests.bridge.messages.outbox.sending import BUSY, accept, open_room, row_of
from tests.bridge.mortality import Killed
from tests.bridge.trouble import UNREACHABLE, failing, works


async def test_death_at_any_step_loses_and_repeats_nothing(clinic: Clinic) -> None:
    """Killed at each commit and each request in turn, the next process delivers exactly once, in order.

    The delivery begins a session; the transaction id stands from the beginning; once there is a ciphertext,
    nothing else is ever sent.
    """
    for dies_at in range(1, 40):
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
    clinic.homeserver.after = failing(UNREACHABLE, "send_event")
    with pytest.raises(HomeserverUnavailableError):
        await clinic.main.outbox.deliver(**waiting)
    clinic.homeserver.after = works
    sent = await clinic.main.outbox.deliver(**waiting)
    first, second = clinic.homeserver.called("send_event")
    assert first == second
    assert [event["event_id"] for event in clinic.sent(room)] == [sent.event_id]


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
        lost = failing(UNREACHABLE, "send_event", about=room_id)
        clinic.homeserver.before = {"request lost": lost, "busy": failing(BUSY, "send_event")}.get(
            fault, works
        )
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
