"""The law of the outbound ratchet: no (session, index) ever encrypts two messages that leave."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.e2ee.errors import SessionNotReadyError
from bridge.e2ee.machine import Encryption
from bridge.e2ee.model import Encrypted
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA, ROOM
from tests.bridge.e2ee.world import ROTATION, World


class _RolledBackError(Exception):
    """The caller's transaction fails."""


async def _encrypt(
    machine: Encryption, recipients: frozenset[str], *, world: World, fail: bool = False
) -> Encrypted:
    async with world.database.write() as connection:
        encrypted = await machine.encrypt(
            connection,
            user_id=LUCIA,
            room_id=ROOM,
            recipients=recipients,
            event_type="m.room.message",
            content={"body": "x"},
        )
        if fail:
            raise _RolledBackError
        return encrypted


async def _send(world: World, machine: Encryption, recipients: frozenset[str]) -> Encrypted:
    while True:
        await machine.prepare(user_id=LUCIA, room_id=ROOM, recipients=recipients, rotation=ROTATION)
        try:
            return await _encrypt(machine, recipients, world=world)
        except SessionNotReadyError:
            continue


async def test_indexes_count_up(world: World, garcia: Client):
    """The first message has index 0, the next 1."""
    sent = [await _send(world, world.encryption, frozenset({garcia.user_id})) for _ in range(3)]
    assert [one.message_index for one in sent] == [0, 1, 2]
    assert len({one.session_id for one in sent}) == 1
    assert sent[0].device_id == sent[0].content["device_id"]


async def test_processes_that_compete_never_use_an_index_twice(world: World, garcia: Client):
    """Two processes that send at the same time take turns, by compare-and-set."""
    machines = [world.encryption, world.restarted()]
    people = frozenset({garcia.user_id})
    for machine in machines:
        await _send(world, machine, people)
    sent = await asyncio.gather(*(_send(world, machine, people) for machine in machines * 8))
    used = [(one.session_id, one.message_index) for one in sent]
    assert len(set(used)) == len(used)


async def test_a_rolled_back_message_neither_wedges_nor_advances(world: World, garcia: Client):
    """After the caller's transaction failed, the next message encrypts and is readable."""
    await world.prepare(garcia.user_id)
    with pytest.raises(_RolledBackError):
        await _encrypt(world.encryption, frozenset({garcia.user_id}), world=world, fail=True)
    said = await world.send("sigue", garcia.user_id)
    await garcia.sync()
    assert garcia.read(said) == "sigue"


async def test_two_messages_in_one_transaction(world: World, garcia: Client):
    """Several messages may be encrypted in one transaction."""
    await world.prepare(garcia.user_id)
    async with world.database.write() as connection:
        indexes = [
            (
                await world.encryption.encrypt(
                    connection,
                    user_id=LUCIA,
                    room_id=ROOM,
                    recipients=frozenset({garcia.user_id}),
                    event_type="m.x",
                    content={},
                )
            ).message_index
            for _ in range(3)
        ]
    assert indexes == [0, 1, 2]


class _Course:
    """What may happen around our messages; each method is one step."""

    def __init__(self, world: World, garcia: Client) -> None:
        self.world = world
        self.elsewhere = world.restarted()
        self.garcia = garcia
        self.people = {garcia.user_id}
        self.seen: set[tuple[str, int]] = set()
        self.extra: list[Client] = []

    async def send(self) -> None:
        """A message from this process."""
        await self._send(self.world.encryption)

    async def send_elsewhere(self) -> None:
        """A message from another process."""
        await self._send(self.elsewhere)

    async def roll_back(self) -> None:
        """A message whose transaction fails."""
        await self.world.prepare(*self.people)
        with pytest.raises((_RolledBackError, SessionNotReadyError)):
            await _encrypt(
                self.world.encryption, frozenset({self.garcia.user_id}), world=self.world, fail=True
            )

    async def restart(self) -> None:
        """This process starts again."""
        self.world.encryption = self.world.restarted()

    async def join(self) -> None:
        """One more recipient."""
        self.people.add(JUAN)

    async def leave(self) -> None:
        """One recipient less."""
        self.people.discard(JUAN)

    async def new_device(self) -> None:
        """The doctor logs in once more."""
        new = self.garcia.another(uuid4().hex)
        await new.log_in()
        self.extra.append(new)
        await self.world.encryption.device_lists_changed([self.garcia.user_id], [])

    async def device_gone(self) -> None:
        """The doctor logs out somewhere."""
        if self.extra:
            del self.world.server.devices[self.garcia.user_id][self.extra.pop().device_id]
            await self.world.encryption.device_lists_changed([self.garcia.user_id], [])

    async def heal(self) -> None:
        """The other process looks after what failed."""
        await self.elsewhere.heal()

    async def _send(self, machine: Encryption) -> None:
        sent = await _send(self.world, machine, frozenset(self.people))
        assert (sent.session_id, sent.message_index) not in self.seen
        self.seen.add((sent.session_id, sent.message_index))
        for client in (self.garcia, *self.extra):
            await client.sync()
            assert sent.session_id in client.rooms


_STEPS = (
    _Course.send,
    _Course.send_elsewhere,
    _Course.roll_back,
    _Course.restart,
    _Course.join,
    _Course.leave,
    _Course.new_device,
    _Course.device_gone,
    _Course.heal,
)


@given(steps=st.lists(st.sampled_from(_STEPS), max_size=14))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_interleaving_uses_an_index_twice(
    world: World, garcia: Client, steps: list[Callable[[_Course], Awaitable[None]]]
):
    """Whatever happens between messages, indexes are new, and everybody entitled has every session."""
    await world.encryption.provision(JUAN)
    course = _Course(world, garcia)
    for step in [*steps, _Course.send]:
        await step(course)
    garcia_devices = world.server.devices[garcia.user_id]
    for client in course.extra:
        del garcia_devices[client.device_id]
