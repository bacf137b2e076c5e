"""bridge/callers/idempotency.py on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from appointments.sealing import Sealer
from bridge.callers.idempotency import (
    KEPT,
    Answer,
    Claim,
    Run,
    Running,
    begin,
    finish,
    prune,
    release,
    scope_of,
)
from bridge.errors import KeyReusedError, StillRunningError
from bridge.storage.database import Database

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)
ANSWER = Answer(status=201, body=b'{"message_id":"$1"}')


async def claim(database: Database, *, request=b"a", instance="one", now=NOW, scope="s") -> Run | Answer:
    """Begin a request."""
    async with database.write() as connection:
        return await begin(
            connection,
            sealer=SEALER,
            scope=scope,
            request_hmac=request,
            instance_id=instance,
            now=now,
        )


async def conclude(database: Database) -> None:
    """Store its answer."""
    async with database.write() as connection:
        await finish(connection, sealer=SEALER, scope="s", answer=ANSWER)


async def test_the_first_answer_is_given_again(database: Database) -> None:
    """Same key, same request: what was answered the first time, from any process."""
    assert isinstance(await claim(database), Run)
    await conclude(database)
    assert await claim(database) == ANSWER
    assert await claim(database, instance="two") == ANSWER


async def test_another_request_with_the_key_is_refused(database: Database) -> None:
    """Whether the first one is running or done."""
    await claim(database)
    with pytest.raises(KeyReusedError):
        await claim(database, request=b"b")
    await conclude(database)
    with pytest.raises(KeyReusedError):
        await claim(database, request=b"b")


async def test_a_running_request_is_not_run_twice(database: Database) -> None:
    """While this process is at it, whoever asks again has to wait."""
    await claim(database)
    with pytest.raises(StillRunningError):
        await claim(database)


async def test_of_many_at_once_one_runs(database: Database) -> None:
    """Several requests at the same instant: one is run, the others wait."""
    seen = await asyncio.gather(*(claim(database) for _ in range(8)), return_exceptions=True)
    assert [type(one) for one in seen].count(Run) == 1
    assert [type(one) for one in seen].count(StillRunningError) == 7


async def test_what_a_dead_process_left_is_taken_over_under_the_same_operation(database: Database) -> None:
    """The next process runs it again; for the service it is the same operation."""
    first = await claim(database)
    assert await claim(database, instance="two") == first
    with pytest.raises(StillRunningError):
        await claim(database, instance="two")


def test_what_this_process_is_at_is_known_before_it_is_claimed() -> None:
    """The same request has to wait, another one with the key is refused, until the first is over."""
    running = Running()
    with running.hold("s", b"a"):
        with pytest.raises(StillRunningError), running.hold("s", b"a"):
            pass
        with pytest.raises(KeyReusedError), running.hold("s", b"b"):
            pass
        with running.hold("another", b"b"):
            pass
    with running.hold("s", b"b"):
        pass


async def test_a_claim_that_was_undone_is_made_anew(database: Database) -> None:
    """With a transaction that fails nothing is claimed; what another then claimed is not let go."""
    claims = [
        Claim(
            database=database,
            sealer=SEALER,
            scope="s",
            request_hmac=name.encode(),
            instance_id="one",
            operation_id=name,
            now=lambda: NOW,
        )
        for name in ("a", "b")
    ]

    async def claim_and_fail() -> None:
        async with database.write() as connection:
            assert await claims[0].begin_within(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await claim_and_fail()
    assert await claims[1].begin() == "b"
    with pytest.raises(KeyReusedError):
        await claims[0].begin()
    await claims[0].release()
    with pytest.raises(StillRunningError):
        await claim(database, request=b"b")


async def test_a_released_request_can_be_run_again(database: Database) -> None:
    """After a failure, even by the same process, under the same operation."""
    first = await claim(database)
    async with database.write() as connection:
        await release(connection, scope="s")
    assert await claim(database) == first


async def test_a_late_release_does_not_undo_an_answer(database: Database) -> None:
    """Once there is an answer, it stays."""
    await claim(database)
    await conclude(database)
    async with database.write() as connection:
        await release(connection, scope="s")
    assert await claim(database) == ANSWER


async def test_keys_are_forgotten_after_a_day(database: Database) -> None:
    """Pruned or not: a day later the key starts a new operation, with any request."""
    first = await claim(database)
    await conclude(database)
    almost = NOW + KEPT - timedelta(seconds=1)
    assert await claim(database, now=almost) == ANSWER
    later = await claim(database, request=b"b", now=NOW + KEPT)
    assert isinstance(later, Run)
    assert later != first
    with pytest.raises(StillRunningError):
        await claim(database, request=b"b", now=NOW + KEPT)


async def test_pruning_takes_what_is_old_only(database: Database) -> None:
    """Rows of the last 24 hours stay."""
    await claim(database, scope="old")
    await claim(database, scope="new", now=NOW + timedelta(hours=1))
    async with database.write() as connection:
        assert await prune(connection, now=NOW + KEPT) == 1
        assert await prune(connection, now=NOW + KEPT) == 0


def test_every_part_makes_another_scope() -> None:
    """Caller, acting user, method, path and key: each on its own, with no way to shift text between them."""
    parts = {"caller": "c", "acting_for": "a", "method": "POST", "path": "/p", "key": "k"}
    scopes = {scope_of(**parts)}
    scopes |= {scope_of(**{**parts, name: "other"}) for name in parts}
    scopes.add(scope_of(**{**parts, "path": "/pk", "key": ""}))
    assert len(scopes) == len(parts) + 2
