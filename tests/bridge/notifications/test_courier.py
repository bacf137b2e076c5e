"""bridge/notifications/courier.py: each channel works for itself, and each delivery has its own time."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from appointments.sealing import Sealer
from bridge.deliveries import ledger
from bridge.deliveries.claims import LEASE, Claimed
from bridge.deliveries.errors import BusyError, NotNowError
from bridge.deliveries.ledger import CHANNELS, Channel, Delivery
from bridge.notifications import courier as courier_module
from bridge.notifications.courier import Courier, Sender
from bridge.notifications.mail import Writer
from bridge.notifications.mail_sender import MessageMailSender
from bridge.notifications.smtp import Smtp
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from tests.bridge.notifications.due_mails import enqueue_mails
from tests.bridge.notifications.mail_server import mail_server
from tests.until import until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)


class _Tells:
    """A channel that works, hangs, or says so, and counts."""

    def __init__(self, *, hangs: bool = False, says: Exception | None = None) -> None:
        self.told: list[str] = []
        self.begun = 0
        self.when_told: Callable[[], None] = lambda: None
        self._hangs = hangs
        self._says = says

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        self.begun += 1
        if self._hangs:
            await asyncio.Event().wait()
        if self._says is not None:
            raise self._says
        self.told.append(delivery.id)
        self.when_told()


def _courier(
    database: Database,
    senders: Mapping[Channel, Sender],
    *,
    at: datetime = NOW,
    hurry: Callable[[], None] | None = None,
) -> Courier:
    return Courier(
        database=database,
        sealer=SEALER,
        senders=senders,
        now=lambda: at,
        registry=CollectorRegistry(),
        hurry=hurry,
    )


async def _enqueue(database: Database, channel: Channel, count: int) -> None:
    async with database.write() as connection:
        for number in range(count):
            one = Delivery(
                id=f"{channel}:{number}",
                person="@portal_lucia:p",
                channel=channel,
                kind="message",
                subject="!room",
                due_at=NOW,
            )
            await ledger.enqueue(connection, one, sealer=SEALER)


async def test_a_channel_that_hangs_holds_up_no_other(database: Database) -> None:
    """A mail server that never answers: pushes and chats, more than are claimed at once, are told meanwhile."""
    for channel in CHANNELS:
        await _enqueue(database, channel, 40)
    mail, push, chat = _Tells(hangs=True), _Tells(), _Tells()
    jobs = _courier(database, {"email": mail, "push": push, "chat": chat}).jobs()
    assert [job.name for job in jobs] == [f"tell people by {channel}" for channel in CHANNELS]
    hanging, *others = [asyncio.ensure_future(job.run()) for job in jobs]
    async with asyncio.timeout(10):
        await asyncio.gather(*others)
    assert (len(push.told), len(chat.told)) == (40, 40)
    assert not hanging.done()
    hanging.cancel()


async def test_who_is_to_end_tells_what_it_has_in_hand_and_takes_no_more(database: Database) -> None:
    """A process that stops in a rush: nothing waits for a lease to end, the next process goes on at once."""
    await _enqueue(database, "push", 40)
    first, second = _Tells(), _Tells()
    ending = _courier(database, {"push": first})
    job = next(job for job in ending.jobs() if job.name == "tell people by push")
    assert job.wind_down is not None
    first.when_told = job.wind_down
    await job.run()
    await _courier(database, {"push": second}).deliver_due("push")
    assert 0 < len(first.told) < 40
    assert sorted(first.told + second.told) == sorted(f"push:{number}" for number in range(40))


async def test_who_is_to_end_gives_back_what_it_has_not_begun(database: Database) -> None:
    """The mail in hand is sent to its end; those behind it are due at once, as if nobody had tried them."""
    await _enqueue(database, "email", 4)
    first, second = _Tells(), _Tells()
    ending = _courier(database, {"email": first})
    first.when_told = ending.wind_down
    await ending.deliver_due("email")
    assert len(first.told) == 1
    assert sorted(await _states(database)) == [("pending", 0)] * 3 + [("sent", 1)]
    await _courier(database, {"email": second}).deliver_due("email")
    assert sorted(first.told + second.told) == [f"email:{number}" for number in range(4)]


@pytest.mark.parametrize("channel", ["push", "chat"])
async def test_who_is_to_end_cuts_off_what_may_be_told_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    """Soon, not after a minute: a try that failed, due again after its pause (white-box: the time)."""
    monkeypatch.setattr(courier_module, "_ENDING_S", 0.05)
    await _enqueue(database, channel, 12)
    ending = _courier(database, {channel: (tells := _Tells(hangs=True))})
    run = asyncio.create_task(ending.deliver_due(channel))
    await until(lambda: tells.begun == 8)
    ending.wind_down()
    async with asyncio.timeout(10):
        await run
    assert sorted(await _states(database)) == [("failed", 1)] * 8 + [("pending", 0)] * 4


async def test_who_is_to_end_leaves_mails_to_their_connection(database: Database) -> None:
    """It is told, and the mail in hand is waited for."""
    await _enqueue(database, "email", 1)
    tells, told = _Tells(hangs=True), asyncio.Event()
    ending = _courier(database, {"email": tells}, hurry=told.set)
    run = asyncio.create_task(ending.deliver_due("email"))
    await until(lambda: tells.begun == 1)
    ending.wind_down()
    assert told.is_set()
    assert not ending._in_hand
    run.cancel()


async def test_a_stop_waits_for_one_send(database: Database) -> None:
    """For as long as a send may take: one that is cut off may have been heard, and comes again."""
    jobs = _courier(database, {}).jobs()
    assert {job.piece_s for job in jobs} == {courier_module._LONGEST_SEND_S}


async def test_a_mails_time_begins_when_it_is_its_turn(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail on which the server hangs fails alone: those due at the same time are sent (white-box: the time)."""
    monkeypatch.setattr(courier_module, "_LONGEST_SEND_S", 1.0)
    async with mail_server(tmp_path) as server:
        await enqueue_mails(database, people=6, sealer=SEALER, now=NOW)
        server.hangs = 1
        smtp = Smtp(server.settings)
        writer = Writer(
            from_address="a@clinic.example", public_url="https://p/", sealer=SEALER, now=lambda: NOW
        )
        sender = MessageMailSender(database=database, smtp=smtp, writer=writer)
        await _courier(database, {"email": sender}).deliver_due("email")
        await smtp.close()
        assert len(server.mails) == 5
    assert sorted(await _states(database)) == [("failed", 1), *[("sent", 1)] * 5]


async def test_what_waits_in_a_batch_ends_before_its_lease() -> None:
    """Even when each takes as long as it may (white-box: the bounds)."""
    assert LEASE.total_seconds() > courier_module._ROUNDS * courier_module._LONGEST_SEND_S


async def test_only_tries_count(database: Database) -> None:
    """Twenty nights later the first failure is the first attempt: it is tried again, not given up."""
    await _enqueue(database, "push", 1)
    at = NOW
    for _ in range(20):
        later = _courier(database, {"push": _Tells(says=NotNowError(at + timedelta(hours=8)))}, at=at)
        assert await later.deliver_due("push") == 1
        assert await _states(database) == [("pending", 0)]
        at += timedelta(hours=8)
    busy = _courier(database, {"push": _Tells(says=BusyError(at + timedelta(hours=2)))}, at=at)
    await busy.deliver_due("push")
    assert await _states(database) == [("failed", 1)]
    works = _Tells()
    for after, told in ((119, 0), (121, 1)):
        await _courier(database, {"push": works}, at=at + timedelta(minutes=after)).deliver_due("push")
        assert len(works.told) == told


async def test_what_is_always_busy_is_given_up(database: Database) -> None:
    """Ten tries, as with any other trouble."""
    await _enqueue(database, "push", 1)
    for hour in range(20):
        at = NOW + timedelta(hours=hour)
        await _courier(database, {"push": _Tells(says=BusyError(at))}, at=at).deliver_due("push")
    assert await _states(database) == [("given_up", 10)]


async def _states(database: Database) -> list[tuple[str, int]]:
    async with database.read() as connection:
        rows = await connection.execute(deliveries.select().order_by(deliveries.c.id))
        return [(row.state, row.attempts) for row in rows]
