"""The waiting list on both databases: first come, first served, with a time to answer."""

from datetime import datetime

import pytest

from appointments import waiting_services as waiting
from appointments.booking import Appointment
from appointments.errors import NoAppointmentError, NoOfferError, SlotTakenError, WrongStateError
from appointments.services import end_care
from appointments.waiting_services import Waiting
from bridge.bookings import pass_on_lapsed
from tests.appointments.diary import ANA, DAY, GARCIA, HOUR, MARIA, MINUTE, NINE, NOW, PEDRO, Diary
from tests.appointments.waiting import offered, state, wait


async def line(diary: Diary, first_at: datetime = NINE) -> tuple[Appointment, Appointment, Appointment]:
    """Ana has the first time; Pedro, then María, wait for an earlier one than theirs."""
    first = await diary.book(first_at, patient=ANA)
    marias, pedros = await diary.book(NINE + DAY), await diary.book(NINE + 2 * DAY, patient=PEDRO)
    await wait(diary, pedros)
    await wait(diary, marias)
    return first, pedros, marias


async def test_who_waits_longest_is_offered_it_first(diary: Diary) -> None:
    """It is kept from everybody else meanwhile, and does not show as an appointment."""
    first, pedros, marias = await line(diary)
    await diary.cancel(first)
    assert (await offered(diary, pedros), await offered(diary, marias)) == (NINE, None)
    assert (await diary.slots(limit=1))[0].start == NINE + 20 * MINUTE
    with pytest.raises(SlotTakenError):
        await diary.book(NINE, patient=MARIA, name="again")
    assert diary.happened == ["booked", "booked", "booked", "cancelled", "offered"]
    hold = diary.facts[-1].appointment
    with pytest.raises(NoAppointmentError):
        await diary.cancel(hold)


async def test_what_is_taken_moves_the_appointment(diary: Diary) -> None:
    """Its old time is free then; nobody waits with it any more."""
    first, pedros, marias = await line(diary)
    await diary.cancel(first)
    moved = await diary.do(waiting.accept_offer, pedros)
    assert (moved.id, moved.start, moved.version) == (pedros.id, NINE, pedros.version + 1)
    assert await state(diary, pedros) == Waiting(None, None)
    assert diary.happened[-3:] == ["offered", "lapsed", "moved"]
    assert await offered(diary, marias) is None  # what Pedro left is later than hers
    with pytest.raises(NoOfferError):
        await diary.do(waiting.accept_offer, pedros)


async def test_only_the_offer_that_was_meant_is_answered(diary: Diary) -> None:
    """Accepted under its id it may be accepted again; another one is none."""
    first, pedros, _ = await line(diary)
    await diary.cancel(first)
    hold = (await state(diary, pedros)).offer
    assert hold is not None
    for answer in (waiting.accept_offer, waiting.decline_offer):
        with pytest.raises(NoOfferError):
            await diary.do(answer, pedros, offer_id="another")
    moved = await diary.do(waiting.accept_offer, pedros, offer_id=hold.id)
    assert await diary.do(waiting.accept_offer, pedros, offer_id=hold.id) == moved
    await diary.move(moved, NINE + 3 * DAY)
    with pytest.raises(NoOfferError):
        await diary.do(waiting.accept_offer, pedros, offer_id=hold.id)


@pytest.mark.parametrize("how", ["decline", "leave", "cancel"])
async def test_what_is_left_goes_to_the_next(diary: Diary, how: str) -> None:
    """Declined, given up, or cancelled: offered once to each."""
    first, pedros, marias = await line(diary)
    await diary.cancel(first)
    if how == "decline":
        await diary.do(waiting.decline_offer, pedros)
        assert (await state(diary, pedros)).since is not None
    elif how == "leave":
        await diary.do(waiting.wait_no_longer, pedros)
    else:
        await diary.cancel(pedros)
    assert await offered(diary, marias) == NINE
    await diary.do(waiting.decline_offer, marias)
    assert await offered(diary, pedros) is await offered(diary, marias) is None
    assert (await diary.slots(limit=1))[0].start == NINE


async def test_what_nobody_answered_is_passed_on_by_the_clock(diary: Diary) -> None:
    """Not before its time, and once; what nobody wants is free for all again."""
    first, pedros, marias = await line(diary, NINE + 4 * HOUR)
    await diary.cancel(first)
    for one in (pedros, marias):
        offer = (await state(diary, one)).offer
        assert offer is not None
        assert offer.answer_by == diary.now + HOUR
        diary.now = offer.answer_by - MINUTE
        await pass_on_lapsed(diary.database, now=diary.now)
        assert await offered(diary, one) == first.start
        diary.now = offer.answer_by
        with pytest.raises(NoOfferError):
            await diary.do(waiting.accept_offer, one)
        for _ in range(2):
            await pass_on_lapsed(diary.database, now=diary.now)
        assert await offered(diary, one) is None
    assert first.start in [slot.start for slot in await diary.slots()]


async def test_no_time_is_offered_when_it_begins(diary: Diary) -> None:
    """Nobody could come any more."""
    first, pedros, _ = await line(diary)
    diary.now = NINE
    await diary.cancel(first)
    assert await offered(diary, pedros) is None


async def test_an_own_move_ends_what_is_no_better(diary: Diary) -> None:
    """Pedro moves to an earlier time than the one that is kept for him."""
    await diary.book(NINE, patient=ANA, name="stays")
    freed = await diary.book(NINE + 40 * MINUTE, patient=ANA)
    marias, pedros = await diary.book(NINE + DAY), await diary.book(NINE + 2 * DAY, patient=PEDRO)
    await wait(diary, pedros)
    await wait(diary, marias)
    await diary.cancel(freed)
    assert await offered(diary, pedros) == NINE + 40 * MINUTE
    await diary.move(pedros, NINE + 20 * MINUTE)
    assert await offered(diary, pedros) is None
    assert await offered(diary, marias) == NINE + 40 * MINUTE


async def test_nobody_is_offered_what_she_just_left(diary: Diary) -> None:
    """Moved to a later day, María is not asked back; whoever waits behind her is."""
    marias, pedros = await diary.book(NINE + DAY), await diary.book(NINE + 3 * DAY, patient=PEDRO)
    await wait(diary, marias)
    await wait(diary, pedros)
    await diary.move(marias, NINE + 2 * DAY, by=GARCIA)
    assert await offered(diary, marias) is None
    assert await offered(diary, pedros) == NINE + DAY


async def test_only_who_could_take_it_is_offered_it(diary: Diary) -> None:
    """Not somebody whose care has ended, nor somebody whose own time is earlier."""
    first, _, marias = await line(diary)
    async with diary.database.write() as connection:
        await end_care(connection, patient=PEDRO, professional=GARCIA, now=diary.now)
    await diary.cancel(first)
    assert await offered(diary, marias) == NINE
    await diary.move(marias, NINE + 3 * DAY)
    later = await diary.book(NINE + 4 * DAY, patient=ANA, name="later")
    await diary.cancel(later)
    assert await offered(diary, marias) == NINE


async def test_waiting_keeps_its_place_and_needs_a_booking(diary: Diary) -> None:
    """Asking again changes nothing; a cancelled appointment waits for nothing; others don't wait with it."""
    booked = await diary.book(NINE + DAY)
    await wait(diary, booked)
    since = (await state(diary, booked)).since
    await wait(diary, booked)
    assert (await state(diary, booked)).since == since == NOW
    with pytest.raises(NoAppointmentError):
        await diary.do(waiting.wait_no_longer, booked, by=PEDRO)
    await diary.cancel(booked)
    with pytest.raises(WrongStateError):
        await wait(diary, booked)
    assert (await state(diary, booked)).since is None
