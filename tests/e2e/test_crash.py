"""kill -9 at random moments: what was accepted is there once, all decrypt, no ratchet index is used twice."""

import asyncio
import random
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient
from tests.e2e.fault_proxy import FaultProxy
from tests.e2e.storm import Storm, Waiting
from tests.e2e.storm_counts import (
    all_is_read,
    every_file_is_whole,
    everybody_was_told,
    everything_arrived,
    no_index_was_used_twice,
)
from tests.e2e.world import PASSWORD, Api, another_patient, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def run_storm(
    servers: LocalPlatform, proxy: FaultProxy, directory: Path, *, messages: int, kills: int, pace_s: float
) -> Storm:
    """Everybody goes on, with `messages` at least, until the storm is over; then everything is counted."""
    seed = random.SystemRandom().randrange(2**32)
    print("the storm's seed:", seed)  # noqa: T201 shown when the test fails
    storm = Storm(servers, proxy, messages, kills, pace_s, random.Random(seed), directory)  # noqa: S311
    failed_before = proxy.failed
    async with (
        pair(servers) as people,
        another_patient(servers, people.professional) as other,
        ElementClient() as element,
    ):
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        room = await opened_room(people.api, element, people.professional)
        waiting = await waiting_patient(other, element, people.professional)
        await asyncio.gather(
            storm.rage(),
            storm.patient_writes(people.api, room),
            storm.doctor_writes(element, room),
            storm.news_comes(element, waiting),
        )
        # The faults met traffic: else this would prove nothing.
        assert storm.unanswered["send"]
        assert proxy.failed > failed_before
        await everything_arrived(storm, people, element, room)
        await every_file_is_whole(storm, people, element, room)
        await all_is_read(storm, people, element, room, waiting)
        await everybody_was_told(storm, element, waiting)
        await no_index_was_used_twice(storm, people, room)
    return storm


async def opened_room(api: Api, element: ElementClient, professional: str) -> str:
    """The conversation of these two, which the professional has joined."""
    room = str((await api.send("primero", recipient=professional))["conversation_id"])
    await element.wait_for_invite(room_id=room)
    await element.join(room)
    return room


async def waiting_patient(api: Api, element: ElementClient, professional: str) -> Waiting:
    """She wants mails, at once."""
    address = f"{uuid4().hex[:12]}@example.org"
    wanted = {"email": {"address": address, "enabled": True}, "delay_minutes": 0, "quiet_hours": None}
    answer = await api.request("PUT", "/api/notifications/preferences", json=wanted)
    assert answer.status == 200, answer
    return Waiting(api, await opened_room(api, element, professional), address)


async def test_nothing_is_lost_or_repeated_in_a_storm(
    servers: LocalPlatform, proxy: FaultProxy, bridge: BridgeProcess, tmp_path: Path
) -> None:
    """60 messages, some with files, receipts, mails; 5 kills, a restart of the homeserver, refused transactions."""
    assert bridge.is_running
    await run_storm(servers, proxy, tmp_path, messages=60, kills=5, pace_s=0.4)


@pytest.mark.faults
async def test_nothing_is_lost_or_repeated_in_a_long_storm(
    servers: LocalPlatform, proxy: FaultProxy, bridge: BridgeProcess, tmp_path: Path
) -> None:
    """1,000 messages with 250 files, receipts and mails; 50 kills, of which some fell into each of these."""
    assert bridge.is_running
    storm = await run_storm(servers, proxy, tmp_path, messages=1000, kills=50, pace_s=0.1)
    print(storm.unanswered)  # noqa: T201 what this run has shown
    assert all(storm.unanswered.values())


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
        await bridge.kill()
        with suppress(aiohttp.ClientError):
            await request
        await bridge.start()
        await bridge.wait_ready()
        sent = await people.api.send("hola", key=key, recipient=people.professional)
        assert [message["body"] for message in await people.api.history(sent["conversation_id"])] == ["hola"]
        answer = await people.api.request("GET", "/api/conversations")
        assert len(answer.body["conversations"]) == 1
