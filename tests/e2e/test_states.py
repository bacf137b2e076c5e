"""sent, delivered, read: from the homeservers' own words, never backwards; and what is unread."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

import aiohttp
import pytest

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import Clinic
from tests.e2e.element import ElementClient
from tests.e2e.joining import joined
from tests.e2e.place import ENCRYPTED
from tests.e2e.raw_client import RawClient, logged_in
from tests.e2e.world import PASSWORD, Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")
ORDER = ["sent", "delivered", "read"]
_SUMMED_UP_S = 90  # what Synapse has missed it finds when it sums up the next time, every 30 s


async def status(people: Pair, room: str, message_id: str) -> str:
    """What the history says of a message."""
    (found,) = [one for one in await people.api.history(room) if one["message_id"] == message_id]
    return str(found["status"])


@asynccontextmanager
async def watched(people: Pair, room: str, message_id: str) -> AsyncGenerator[list[str]]:
    """Every status that the history shows for a message meanwhile, as it changes."""
    seen: list[str] = []

    async def watch() -> None:
        while True:
            now = await status(people, room, message_id)
            if now not in seen[-1:]:
                seen.append(now)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_message_to_a_stopped_hospital_is_sent_then_delivered_then_read(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """Sent while the hospital is down, delivered when it returns, read when the doctor's client says so."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send("uno", recipient=people.professional)
        room = first["conversation_id"]
        assert await status(people, room, first["message_id"]) == "sent"
        await joined(element, servers, people, room)
        # Who comes in is handed what stood there.
        await eventually(
            lambda: status(people, room, first["message_id"]), until=lambda it: it == "delivered"
        )

        await servers.hospital.stop()
        try:
            second = await people.api.send("dos", conversation_id=room)
            assert second["status"] == "sent"
            async with watched(people, room, second["message_id"]) as seen:
                await asyncio.sleep(3)
                assert seen == ["sent"]
                await servers.hospital.start()
                await servers.hospital.wait_ready()
                await eventually(lambda: _last(seen), until=lambda it: it == "delivered", within_s=60)
                await element.wait_for_message(room, event_id=second["message_id"], timeout_s=60)
                assert seen == ["sent", "delivered"]
                await element.read_receipt(room, second["message_id"])
                await eventually(lambda: _last(seen), until=lambda it: it == "read")
            assert seen == ORDER
        finally:
            if not servers.hospital.is_running:
                await servers.hospital.start()
                await servers.hospital.wait_ready()
        messages = {one["message_id"]: one for one in await people.api.history(room)}
        assert [one["user_id"] for one in messages[second["message_id"]]["read_by"]] == [people.professional]
        assert messages[first["message_id"]]["status"] == "read"


async def _last(seen: list[str]) -> str | None:
    return seen[-1] if seen else None


@dataclass(frozen=True)
class Reader:
    """A patient with a client of her own, and her session at our API."""

    client: RawClient
    http: aiohttp.ClientSession
    room: str

    async def counts(self) -> tuple[int, int]:
        """How many are unread: by our API, and by what her client's badge is made of."""
        async with self.http.get("/api/conversations") as response:
            (ours,) = (await response.json())["conversations"]
        theirs = (await self.client.synced())["join"][self.room]["unread_notifications"]
        return ours["unread_count"], theirs["notification_count"]

    async def read(self, event_id: str) -> None:
        """Her client says so."""
        place = f"/rooms/{quote(self.room)}/receipt/m.read/{quote(event_id, safe='')}"
        assert (await self.client.request("POST", place, {})).status == 200


@asynccontextmanager
async def meeting(clinic: Clinic) -> AsyncGenerator[tuple[Reader, RawClient]]:
    """A patient and her doctor, both with clients, in the room that our API opened."""
    servers = clinic.platform
    patient, doctor = await clinic.patient(), await clinic.professional()
    await clinic.care(patient=patient, professional=doctor)
    async with (
        aiohttp.ClientSession(servers.bridge.api_url) as http,
        logged_in(servers.portal, patient, PASSWORD) as maria,
        logged_in(servers.hospital, doctor, PASSWORD) as garcia,
    ):
        openid = await maria.request("POST", f"/user/{patient}/openid/request_token", {})
        async with http.post("/api/session", json=openid.body) as response:
            http.headers["Authorization"] = f"Bearer {(await response.json())['token']}"
        async with http.post("/api/conversations", json={"with": doctor}) as response:
            room = (await response.json())["conversation_id"]
        for member in (maria, garcia):
            await eventually(partial(member.join, room), until=lambda reply: reply.status == 200)
        yield Reader(maria, http, room), garcia


async def test_what_is_unread_is_what_a_client_shows(clinic: Clinic) -> None:
    """Messages count, edits and what was taken back don't; reading up to one leaves the later ones."""
    async with meeting(clinic) as (reader, garcia):
        # Until a first receipt Synapse counts the accepted invitation too, whenever it sums up (every 30 s), and then
        # doesn't see the receipt for as long (event_push_actions.py, `last_receipt_stream_ordering IS NULL`).
        await reader.read((await reader.client.event_ids(reader.room))[0])
        said = [(await garcia.send(reader.room, "m.room.encrypted", ENCRYPTED)).body for _ in range(3)]
        edits = {"rel_type": "m.replace", "event_id": said[2]["event_id"]}
        await garcia.send(reader.room, "m.room.encrypted", {**ENCRYPTED, "m.relates_to": edits})
        await eventually(reader.counts, until=lambda it: it == (3, 3), within_s=_SUMMED_UP_S)
        assert not (await garcia.redact(reader.room, said[0]["event_id"])).is_refusal
        # What Synapse has summed up already, it goes on counting until the next receipt.
        await eventually(reader.counts, until=lambda it: it in ((2, 2), (2, 3)))
        for message, left in ((said[1], 1), (said[2], 0)):
            await reader.read(message["event_id"])
            await eventually(
                reader.counts, until=lambda it, left=left: it == (left, left), within_s=_SUMMED_UP_S
            )


async def unread(people: Pair) -> int:
    """How many messages wait for the patient."""
    (listed,) = (await people.api.request("GET", "/api/conversations")).body["conversations"]
    return int(listed["unread_count"])


async def test_a_managed_patient_reads_and_the_doctor_sees_it(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """Her public receipt goes out; the doctor's message is read, in the history and for everybody."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        room = (await people.api.send("hola", recipient=people.professional))["conversation_id"]
        await joined(element, servers, people, room)
        said = [await element.send_text(room, f"mensaje {n}") for n in range(2)]
        await eventually(partial(unread, people), until=lambda count: count == 2)  # pushed to us, too
        path = f"/api/messages/{quote(said[0], safe='')}/read"
        for _ in range(2):
            answer = await people.api.request("POST", path)
            assert (answer.status, answer.body["unread_count"]) == (200, 1)
        assert [await status(people, room, event_id) for event_id in said] == ["read", "delivered"]
        async with logged_in(servers.hospital, people.professional, PASSWORD) as garcia:

            async def receipt() -> bool:
                ephemeral = (await garcia.synced())["join"][room]["ephemeral"]["events"]
                read = {event_id for event in ephemeral for event_id in event["content"]}
                return said[0] in read

            await eventually(receipt, until=bool)
