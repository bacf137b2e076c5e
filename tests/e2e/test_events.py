"""Live events on running servers: each stream its own, in order, across restarts; first words, then states."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import aiohttp
import pytest

from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from bridge.facts import Fact, append
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.element import ElementClient
from tests.e2e.events import Listener, listening
from tests.e2e.world import Api, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST = "primero"


async def is_told(listener: Listener, message_id: str) -> bool:
    """Whether the stream has this message."""
    return any(event.data["message_id"] == message_id for event in listener.named("message"))


async def statuses(listener: Listener, message_id: str) -> list[str]:
    """What the stream said of a message, in order."""
    return [event.data["status"] for event in listener.events if event.data.get("message_id") == message_id]


async def test_a_stream_tells_a_conversation(servers: LocalPlatform, bridge: BridgeProcess) -> None:
    """Each message once with its words, then delivered, read, taken on: the same as in the history."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        headers = {"Authorization": f"Bearer {people.api.key}", "X-Act-As": people.patient}
        async with listening(servers.bridge.api_url, headers) as (stream,):
            first = await people.api.send("¿Sigo con la dieta?", recipient=people.professional)
            room, first_id = first["conversation_id"], first["message_id"]
            await eventually(lambda: is_told(stream, first_id), until=bool)
            await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
            await element.wait_for_invite(room_id=room)
            await element.join(room)
            await element.wait_for_message(room, event_id=first_id)
            await element.read_receipt(room, first_id)
            answer_id = await element.send_text(room, "Sí, y camine.")
            await eventually(lambda: is_told(stream, answer_id), until=bool)
            await eventually(lambda: statuses(stream, first_id), until=lambda it: it[-1] == "read")
            told = [(one.data["message_id"], one.data["body"]) for one in stream.named("message")]
            assert told == [(first_id, "¿Sigo con la dieta?"), (answer_id, "Sí, y camine.")]
            assert await statuses(stream, first_id) in (["sent", "delivered", "read"], ["sent", "read"])
            assert await statuses(stream, answer_id) == ["delivered"]
            history = {one["message_id"]: one["status"] for one in await people.api.history(room)}
            assert history == {first_id: "read", answer_id: "delivered"}

            await element.edit(room, answer_id, "Sí, y ande.")
            await eventually(lambda: statuses(stream, answer_id), until=lambda it: it[-1] == "edited")
            assert (await people.api.history(room))[0]["body"] == "Sí, y ande."
            mistake_id = await element.send_text(room, "Para otra paciente.")
            await element.redact(room, mistake_id)
            await eventually(lambda: statuses(stream, mistake_id), until=lambda it: it[-1:] == ["redacted"])

            await element.react(room, first_id, "👀")
            await eventually(lambda: statuses(stream, first_id), until=lambda it: it[-1] == "attended")
            (conversation,) = (await people.api.request("GET", "/api/conversations")).body["conversations"]
            assert conversation["attended_by"]["user_id"] == people.professional
            attended = {one["message_id"]: one["attended_by"] for one in await people.api.history(room)}
            assert attended == {first_id: conversation["attended_by"], answer_id: None, mistake_id: None}


_OPENINGS = 3
"""At first, and after each of two restarts; once more for who comes back to a process that is just ending."""


@dataclass
class Crowd:
    """Managed patients of one doctor, each with an open conversation."""

    clinic: Clinic
    patients: list[str]
    rooms: list[str]

    def headers(self, patient: str) -> dict[str, str]:
        """The portal's back end, acting for one."""
        return {"Authorization": f"Bearer {self.clinic.api_key}", "X-Act-As": patient}


async def gather_crowd(clinic: Clinic, size: int) -> Crowd:
    """Make them, with their rooms."""
    doctor = await clinic.professional()
    patients = [await clinic.managed_user() for _ in range(size)]
    rooms = []
    async with aiohttp.ClientSession() as http:
        for patient in patients:
            await clinic.care(patient=patient, professional=doctor)
            api = Api(url=clinic.platform.bridge.api_url, key=clinic.api_key, acting_for=patient, http=http)
            rooms.append((await api.send(FIRST, recipient=doctor))["conversation_id"])
    return Crowd(clinic, patients, rooms)


@dataclass
class Run:
    """Open streams, what is written meanwhile, and what each has to tell."""

    crowd: Crowd
    bridge: BridgeProcess
    listeners: list[Listener]
    facts: int
    messages: int
    expected: dict[str, list[str]] = field(default_factory=dict)

    async def write_facts(self) -> None:
        """So many for everybody, by another process, as parts of the bridge append them."""
        async with app.opened(self.crowd.clinic.platform.settings) as gateway:
            for number in range(self.facts):
                async with gateway.database.write() as connection:
                    for patient in self.crowd.patients:
                        call_id = f"{number} {patient}"
                        data = {"call_id": call_id, "audience": [patient]}
                        await append(connection, Fact(call_id, "visit.test", call_id, gateway.now(), data))
                        self.expected.setdefault(patient, []).append(call_id)
                await asyncio.sleep(0.03)

    async def write_messages(self) -> None:
        """So many by everybody, the whole way through the homeserver."""
        async with aiohttp.ClientSession() as http:
            await asyncio.gather(
                *(
                    self._one_writes(http, patient, room)
                    for patient, room in zip(self.crowd.patients, self.crowd.rooms, strict=True)
                )
            )

    async def _one_writes(self, http: aiohttp.ClientSession, patient: str, room: str) -> None:
        clinic = self.crowd.clinic
        api = Api(url=clinic.platform.bridge.api_url, key=clinic.api_key, acting_for=patient, http=http)
        for number in range(self.messages):
            send = partial(accepted, api, room, f"mensaje {number}", str(uuid4()))
            await eventually(send, until=bool, within_s=60)

    async def restart(self) -> None:
        """Twice, each time once everybody listens."""
        for _ in range(2):
            await asyncio.sleep(0.5)
            for one in self.listeners:
                await one.is_open.wait()
            await self.bridge.restart()

    async def check(self) -> None:
        """Each stream told exactly its own, in order, once."""
        for listener, patient in zip(self.listeners, self.crowd.patients, strict=True):
            await eventually(partial(complete, listener, self.facts, self.messages), until=bool, within_s=60)
            assert [one.data["call_id"] for one in listener.named("visit")] == self.expected[patient]
            # The first one's echo may have come before or after the stream was opened.
            bodies = [one.data["body"] for one in listener.named("message") if one.data["body"] != FIRST]
            assert bodies == [f"mensaje {number}" for number in range(self.messages)]
            assert listener.openings >= _OPENINGS
            assert not listener.named("reset")


async def run_streams(
    clinic: Clinic, bridge: BridgeProcess, *, streams: int, facts: int, messages: int
) -> None:
    """So many open streams, and so much for each of them while the bridge restarts twice."""
    crowd = await gather_crowd(clinic, streams)
    callers = [crowd.headers(patient) for patient in crowd.patients]
    async with listening(clinic.platform.bridge.api_url, *callers) as listeners:
        run = Run(crowd, bridge, listeners, facts, messages)
        await asyncio.gather(run.write_facts(), run.write_messages(), run.restart())
        await run.check()


async def accepted(api: Api, room: str, body: str, key: str) -> bool:
    """Whether the message is in, sent as often as it takes."""
    try:
        answer = await api.request(
            "POST",
            "/api/messages/send",
            headers={"Idempotency-Key": key},
            json={"conversation_id": room, "body": body},
        )
    except aiohttp.ClientError:
        return False
    return answer.status == 201


async def complete(listener: Listener, visits: int, messages: int) -> bool:
    """Whether everything has come."""
    said = [one for one in listener.named("message") if one.data["body"] != FIRST]
    # Everything may have come before the last restart: the stream comes back all the same.
    return len(listener.named("visit")) >= visits and len(said) >= messages and listener.openings >= _OPENINGS


async def test_streams_tell_each_its_own_across_restarts(clinic: Clinic, bridge: BridgeProcess) -> None:
    """Ten streams, 100 events in each, two restarts: exactly its own, in order, once."""
    await run_streams(clinic, bridge, streams=10, facts=96, messages=4)


@pytest.mark.faults
async def test_hundreds_of_streams_tell_each_its_own_across_restarts(
    clinic: Clinic, bridge: BridgeProcess
) -> None:
    """200 streams, 1,000 events in each."""
    await run_streams(clinic, bridge, streams=200, facts=990, messages=10)
