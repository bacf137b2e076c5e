"""kill -9 at random moments: every accepted message arrives once, all decrypt, no ratchet index is used twice."""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import aiohttp
import pytest
import vodozemac

from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient, ElementError
from tests.e2e.fault_proxy import FaultProxy
from tests.e2e.world import PASSWORD, Api, Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Storm:
    """The platform, the faults it will suffer, and what was written meanwhile."""

    servers: LocalPlatform
    proxy: FaultProxy
    messages: int
    kills: int
    pace_s: float
    chance: random.Random
    over: asyncio.Event = field(default_factory=asyncio.Event)
    from_patient: list[str] = field(default_factory=list)
    from_doctor: list[str] = field(default_factory=list)
    unanswered: int = 0

    async def rage(self) -> None:
        """Kill the bridge at random moments; restart the portal and make pushes fail in between."""
        for number in range(self.kills):
            await asyncio.sleep(self.chance.uniform(0.3, 2.5))
            await self.servers.bridge.kill9()
            if number % 5 == 2:
                await self.servers.portal.restart()
            await self.servers.bridge.start()
            await self.servers.bridge.wait_ready()
            if number % 5 == 0:
                self.proxy.fail("refuse")
                await asyncio.sleep(self.chance.uniform(1, 3))
                self.proxy.heal()
            if number % 5 == 1:
                self.proxy.fail("forget", times=3)
        self.over.set()

    async def patient_writes(self, api: Api, room: str) -> None:
        """Send over REST as a careful integrator does: with a key, again until there is an answer."""
        while self._goes_on(self.from_patient):
            body, key = f"paciente {len(self.from_patient)}", str(uuid4())
            await eventually(
                partial(self._accepted, api, room, body, key), until=lambda accepted: accepted, within_s=60
            )
            self.from_patient.append(body)
            await asyncio.sleep(self.chance.uniform(0, 2 * self.pace_s))

    async def _accepted(self, api: Api, room: str, body: str, key: str) -> bool:
        with suppress(aiohttp.ClientError):
            answer = await api.request(
                "POST",
                "/api/messages/send",
                headers={"Idempotency-Key": key},
                json={"conversation_id": room, "body": body},
            )
            assert answer.status in (201, 409, 503), answer
            if answer.status == 201:
                return True
        self.unanswered += 1
        return False

    async def doctor_writes(self, element: ElementClient, room: str) -> None:
        """Send from an independent client, which knows nothing of the storm."""
        while self._goes_on(self.from_doctor):
            body = f"médica {len(self.from_doctor)}"
            await element.send_text(room, body)
            self.from_doctor.append(body)
            if len(self.from_doctor) % 10 == 9:
                await element.rotate(room)
            await asyncio.sleep(self.chance.uniform(0, 2 * self.pace_s))

    def _goes_on(self, written: list[str]) -> bool:
        return not self.over.is_set() or len(written) < self.messages // 2


async def run_storm(
    servers: LocalPlatform, proxy: FaultProxy, *, messages: int, kills: int, pace_s: float
) -> None:
    """Both sides write, `messages` at least, until the storm is over; then everything is counted."""
    seed = random.SystemRandom().randrange(2**32)
    print("the storm's seed:", seed)  # noqa: T201 shown when the test fails
    storm = Storm(servers, proxy, messages, kills, pace_s, random.Random(seed))  # noqa: S311
    failed_before = proxy.failed
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send("primero", recipient=people.professional)
        room = first["conversation_id"]
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        await asyncio.gather(
            storm.rage(), storm.patient_writes(people.api, room), storm.doctor_writes(element, room)
        )
        # The faults met traffic: else this would prove nothing.
        assert storm.unanswered
        assert proxy.failed > failed_before
        await everything_arrived(storm, people, element, room)
        await no_index_was_used_twice(servers, people, room)


async def everything_arrived(storm: Storm, people: Pair, element: ElementClient, room: str) -> None:
    """Each message once and readable, in the doctor's client and in the patient's history."""
    expected = Counter(["primero", *storm.from_patient, *storm.from_doctor])
    await element.wait_for_message(room, body=storm.from_patient[-1], timeout_s=60)
    for body in storm.from_patient:
        with suppress(ElementError):  # counted below, where a failure shows the whole picture
            await element.wait_for_message(room, body=body, timeout_s=10)
    seen = [one for one in await element.timeline(room, paginate=True) if one.type == "m.room.message"]
    unreadable = [one.summary for one in seen if one.is_decryption_failure]
    assert not unreadable
    assert Counter(one.body for one in seen) == expected
    assert all(one.is_trusted for one in seen if one.sender == people.patient)
    await eventually(
        lambda: people.api.history(room),
        until=lambda messages: Counter(message["body"] for message in messages) == expected,
        within_s=90,
    )


async def no_index_was_used_twice(servers: LocalPlatform, people: Pair, room: str) -> None:
    """Each step of each of the patient's ratchets encrypted one event at most, by what the homeserver has."""
    used: Counter[tuple[str, int]] = Counter()
    async with app.opened(servers.settings) as gateway:
        token: str | None = None
        while True:
            page = await gateway.matrix.messages(
                user_id=people.patient,
                room_id=room,
                limit=100,
                from_token=token,
                event_types=["m.room.encrypted"],
            )
            for event in page.chunk:
                if event["sender"] == people.patient:
                    message = vodozemac.MegolmMessage.from_base64(event["content"]["ciphertext"])
                    used[event["content"]["session_id"], message.message_index()] += 1
            token = page.end
            if token is None:
                break
    assert used
    assert max(used.values()) == 1


async def test_nothing_is_lost_or_repeated_in_a_storm(
    servers: LocalPlatform, proxy: FaultProxy, bridge: BridgeProcess
) -> None:
    """60 messages, 5 kills, a restart of the homeserver, refused transactions."""
    assert bridge.is_running
    await run_storm(servers, proxy, messages=60, kills=5, pace_s=0.4)


@pytest.mark.faults
async def test_nothing_is_lost_or_repeated_in_a_long_storm(
    servers: LocalPlatform, proxy: FaultProxy, bridge: BridgeProcess
) -> None:
    """1,000 messages, 50 kills."""
    assert bridge.is_running
    await run_storm(servers, proxy, messages=1000, kills=50, pace_s=0.1)


@pytest.mark.parametrize("delay_s", [0.05, 0.2, 0.35, 0.5, 0.8])
async def test_a_kill_while_the_first_message_opens_the_room_never_makes_two(
    servers: LocalPlatform, bridge: BridgeProcess, delay_s: float
) -> None:
    """The same request, repeated after the crash, finds the room that the first one made, and sends once."""
    async with pair(servers) as people:
        key = str(uuid4())
        request = asyncio.create_task(
            people.api.request(
                "POST",
                "/api/messages/send",
                headers={"Idempotency-Key": key},
                json={"recipient": people.professional, "body": "hola"},
            )
        )
        await asyncio.sleep(delay_s)
        await bridge.kill9()
        with suppress(aiohttp.ClientError):
            await request
        await bridge.start()
        await bridge.wait_ready()
        sent = await people.api.send("hola", key=key, recipient=people.professional)
        assert [message["body"] for message in await people.api.history(sent["conversation_id"])] == ["hola"]
        answer = await people.api.request("GET", "/api/conversations")
        assert len(answer.body["conversations"]) == 1
