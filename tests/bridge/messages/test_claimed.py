"""A request with its Idempotency-Key is claimed, and its answer kept, by the commits of its message."""

import json
from typing import Any

import pytest
from sqlalchemy import update

from appointments.errors import NotInCareTeamError
from bridge.callers.idempotency import AnsweredBeforeError, Claim
from bridge.errors import KeyReusedError, StillRunningError
from bridge.http.messages import AskedMessage
from bridge.messages_model import SentMessage
from bridge.storage.conversations import conversations
from bridge.storage.idempotency import idempotency
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.messages.writing import send
from tests.bridge.mortality import Killed
from tests.bridge.process import Process


class Asker:
    """Whoever asks with one key, of whichever process."""

    def __init__(self, clinic: Clinic, room_id: str, *, key: str = "k", body: str = "uno") -> None:
        self._clinic, self._room_id, self._key, self._body = clinic, room_id, key, body

    def claim(self, process: Process, *, instance: str) -> Claim:
        """The claim of a process."""
        return Claim(
            database=process.database,
            sealer=process.sealer,
            scope=self._key,
            request_hmac=self._body.encode(),
            instance_id=instance,
            operation_id=f"{self._key} {instance}",
            now=process.now,
        )

    async def ask(self, process: Process, *, instance: str) -> SentMessage:
        """What this process answers."""
        return await send(
            self._clinic,
            process,
            conversation_id=self._room_id,
            body=self._body,
            operation_id=f"{self._key} {instance}",
            asked=AskedMessage(self.claim(process, instance=instance)),
        )

    async def answer(self) -> dict[str, Any]:
        """The answer that is kept."""
        with pytest.raises(AnsweredBeforeError) as caught:
            await self.claim(self._clinic.main, instance="another").begin()
        said: dict[str, Any] = json.loads(caught.value.answer.body)
        return said


@pytest.fixture
async def ready(clinic: Clinic) -> str:
    """A conversation in which nothing stands in the way of the next message."""
    room_id = (await send(clinic, body="antes")).conversation_id
    async with clinic.database.write() as connection:
        await connection.execute(update(conversations).values(review_at=None))
    return room_id


async def test_the_claim_and_the_answer_are_in_the_commits_of_the_message(clinic: Clinic, ready: str) -> None:
    """Two commits in all; what is kept names the message, and a repeat sends nothing."""
    asker = Asker(clinic, ready)
    process = clinic.process()
    process.encryption._ready = clinic.main.encryption._ready
    sent = await asker.ask(process, instance="one")
    assert process.fate.steps == 6  # two for each commit and for the request to the homeserver
    assert (await asker.answer())["message_id"] == sent.message_id
    with pytest.raises(AnsweredBeforeError):
        await asker.ask(clinic.main, instance="two")
    assert await clinic.texts(ready) == ["antes", "uno"]


async def test_death_at_any_step_is_mended_by_the_same_key(clinic: Clinic, ready: str) -> None:
    """Killed at each step in turn and asked of the next process: one message, and one answer that names it."""
    said = ["antes"]
    for dies_at in range(1, 20):
        asker = Asker(clinic, ready, key=f"k{dies_at}", body=f"message {dies_at}")
        dying = clinic.process(dies_at=dies_at)
        dying.encryption._ready = clinic.main.encryption._ready
        survived = True
        try:
            await asker.ask(dying, instance="dying")
        except Killed:
            survived = False
        try:
            event_id = (await asker.ask(clinic.process(), instance="next")).message_id
        except AnsweredBeforeError as before:
            event_id = json.loads(before.answer.body)["message_id"]
        else:
            assert not survived
        said.append(f"message {dies_at}")
        assert await clinic.texts(ready) == said, dies_at
        assert clinic.sent(ready)[-1]["event_id"] == event_id
        if survived:
            break
    assert survived
    assert dies_at > 5


async def test_what_is_claimed_already_is_not_taken_in(clinic: Clinic, ready: str) -> None:
    """Another request under the key, or the same one under way: refused as ever, with nothing sent."""
    asker = Asker(clinic, ready)
    await asker.claim(clinic.main, instance="one").begin()
    with pytest.raises(StillRunningError):
        await asker.ask(clinic.main, instance="one")
    with pytest.raises(KeyReusedError):
        await Asker(clinic, ready, body="dos").ask(clinic.main, instance="one")
    assert len(await clinic.rows(sends)) == 1


async def test_what_a_dead_process_claimed_is_the_same_operation(clinic: Clinic, ready: str) -> None:
    """It is sent under the id that was claimed first."""
    asker = Asker(clinic, ready)
    await asker.claim(clinic.main, instance="dead").begin()
    await asker.ask(clinic.main, instance="two")
    assert [row.id for row in await clinic.rows(sends)][1:] == ["k dead"]


async def test_what_is_refused_can_be_asked_again(clinic: Clinic, ready: str) -> None:
    """The claim of a message that may not be sent is let go, by whoever made it."""
    clinic.clock.pass_by(minutes=1)
    await clinic.end_care(LUCIA, GARCIA)
    asker = Asker(clinic, ready)
    claim = asker.claim(clinic.main, instance="one")
    with pytest.raises(NotInCareTeamError):
        await send(clinic, conversation_id=ready, body="uno", operation_id="k one", asked=AskedMessage(claim))
    stranger = asker.claim(clinic.main, instance="one")
    with pytest.raises(StillRunningError):
        await stranger.begin()
    await stranger.release()
    with pytest.raises(StillRunningError):
        await asker.claim(clinic.main, instance="one").begin()
    await claim.release()
    assert await asker.claim(clinic.main, instance="one").begin() == "k one"
    assert len(await clinic.rows(idempotency)) == 1
