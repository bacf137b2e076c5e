"""Takes what is due from the ledger to the channels, whoever dies or is down."""

import asyncio
import logging
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.deliveries import claims
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import BusyError, NotNowError, NotWantedError, UndeliverableError
from bridge.deliveries.ledger import CHANNELS, Channel
from bridge.notifications.ending import end_within
from bridge.scheduler import Job
from bridge.storage.database import Database

log = logging.getLogger(__name__)

# One mail at a time, over the one connection: the next one's time must not run while it waits for that.
_SENT_AT_ONCE: Mapping[Channel, int] = {"email": 1, "push": 8, "chat": 8}
_ROUNDS = 4
"""What is claimed at once is sent, or has failed, before the lease ends: four times a minute (claims.LEASE)."""

_SHORTEST_PAUSE = timedelta(seconds=30)
_LONGEST_SEND_S = 60.0
_BEAT_S = 2
# Once the process is to end: a push or a chat that is cut off is told once all the same, by its topic and its outbox.
_ENDING_S = 5.0
_CUT_OFF: frozenset[Channel] = frozenset({"push", "chat"})
_OUTCOMES = ("sent", "failed", "given_up", "cancelled", "postponed")


class Sender(Protocol):
    """One channel."""

    async def send(self, delivery: Claimed) -> None:
        """Tell the person. Returning means that it was told, and can't be taken back.

        Raises NotWantedError (nobody needs it any more), NotNowError (at another time), UndeliverableError (never);
        anything else, BusyError among it, means that it may work later.
        """


class ByTopic:
    """A channel on which each topic (what a kind begins with: message, appointment) is told in a way of its own."""

    def __init__(self, topics: Mapping[str, Sender]) -> None:
        self._topics = topics

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        await self._topics[delivery.kind.partition(".")[0]].send(delivery)


class _NoChannel:
    """Where the clinic has set up no such channel."""

    async def send(self, delivery: Claimed) -> None:
        """Nobody can be told this way."""
        raise UndeliverableError(delivery.channel)


class Courier:
    """Delivers; several of them, in several processes, share the work. No channel waits for another.

    `hurry` is called when the process is to end: which mail can be cut off only its connection knows.
    """

    def __init__(
        self,
        *,
        database: Database,
        sealer: Sealer,
        senders: Mapping[Channel, Sender],
        now: Now,
        registry: CollectorRegistry,
        hurry: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._senders = senders
        self._hurry = hurry
        self._now = now
        self._is_ending = False
        self._in_hand: set[asyncio.Timeout] = set()
        self._outcomes = Counter(
            "videoconsulta_deliveries",
            "Notifications and reminders by channel and outcome; alert on given_up.",
            ["channel", "outcome"],
            registry=registry,
        )
        # Prometheus sees no increase in a series that begins with its first failure.
        for channel, outcome in product(CHANNELS, _OUTCOMES):
            self._outcomes.labels(channel, outcome)

    def jobs(self) -> list[Job]:
        """One for each channel."""
        return [
            Job(
                f"tell people by {channel}",
                _BEAT_S,
                partial(self.deliver_due, channel),
                self.wind_down,
                piece_s=_LONGEST_SEND_S,
            )
            for channel in CHANNELS
        ]

    def wind_down(self) -> None:
        """Begin no more: what is only claimed is given back, and what is being sent ends soon where it may."""
        self._is_ending = True
        if self._hurry is not None:
            self._hurry()
        for limit in self._in_hand:
            end_within(limit, _ENDING_S)

    async def deliver_due(self, channel: Channel) -> int:
        """Deliver until nothing is due by this channel any more; how many were claimed."""
        slots = asyncio.Semaphore(_SENT_AT_ONCE[channel])
        total = 0
        while not self._is_ending and (claimed := await self._claim(channel)):
            total += len(claimed)
            await asyncio.gather(*(self._deliver(one, slots) for one in claimed))
        return total

    async def _claim(self, channel: Channel) -> list[Claimed]:
        most = _ROUNDS * _SENT_AT_ONCE[channel]
        async with self._database.write() as connection:
            found = await claims.claim(
                connection, channel=channel, sealer=self._sealer, most=most, now=self._now()
            )
        return list(found)

    async def _deliver(self, claimed: Claimed, slots: asyncio.Semaphore) -> None:
        async with slots:
            # Left behind, it would wait for the end of its lease.
            outcome = await (self._give_back(claimed) if self._is_ending else self._outcome(claimed))
        self._outcomes.labels(claimed.channel, outcome).inc()

    async def _give_back(self, claimed: Claimed) -> str:
        async with self._database.write() as connection:
            await claims.postpone(connection, claimed, until=self._now())
        return "postponed"

    async def _outcome(self, claimed: Claimed) -> str:
        try:
            async with asyncio.timeout(_LONGEST_SEND_S) as limit:
                with self._held(claimed.channel, limit):
                    await self._senders.get(claimed.channel, _NoChannel()).send(claimed)
        except NotWantedError:
            async with self._database.write() as connection:
                await claims.drop(connection, claimed, now=self._now())
            return "cancelled"
        except NotNowError as error:
            async with self._database.write() as connection:
                until = max(error.until, self._now() + _SHORTEST_PAUSE)
                await claims.postpone(connection, claimed, until=until)
            return "postponed"
        except Exception as error:  # noqa: BLE001 — one person's trouble must not stop the others
            return await self._failed(claimed, error)
        async with self._database.write() as connection:
            await claims.finish(connection, claimed, now=self._now())
        return "sent"

    @contextmanager
    def _held(self, channel: Channel, limit: asyncio.Timeout) -> Generator[None]:
        if channel in _CUT_OFF:
            self._in_hand.add(limit)
        try:
            yield
        finally:
            self._in_hand.discard(limit)

    async def _failed(self, claimed: Claimed, error: Exception) -> str:
        async with self._database.write() as connection:
            outcome = await claims.fail(
                connection,
                claimed,
                final=isinstance(error, UndeliverableError),
                now=self._now(),
                not_before=error.until if isinstance(error, BusyError) else None,
            )
        # The error's text may quote an address.
        log.warning("a %s by %s: %s (%s)", claimed.kind, claimed.channel, outcome, type(error).__name__)
        return outcome
