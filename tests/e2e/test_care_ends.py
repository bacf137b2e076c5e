"""Care ends and starts again, a representative comes and goes, a professional leaves: on real homeservers.

What the bridge refuses, the homeservers refuse as well, to a client that knows nothing of our API.
"""

import asyncio
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.people import add_managed_user
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient
from tests.e2e.raw_client import RawClient, logged_in
from tests.e2e.world import PASSWORD, Answer, Api, Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENCRYPTED = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AwgAEpAB", "session_id": "s" * 43}


async def care(people: Pair, method: str) -> None:
    """PUT or DELETE the care relationship of the pair."""
    path = f"/api/care/{quote(people.patient, safe='')}/{quote(people.professional, safe='')}"
    options: dict[str, Any] = {"json": {"role": "gp"}} if method == "PUT" else {}
    answer = await people.api.request(method, path, **options)
    assert answer.status in (200, 201, 204), answer


async def represent(people: Pair, person: str, body: Mapping[str, object] | None) -> None:
    """This person acts for the patient, or no more."""
    path = f"/api/representatives/{quote(people.patient, safe='')}/{quote(person, safe='')}"
    method, options = ("DELETE", {}) if body is None else ("PUT", {"json": body})
    answer = await people.api.request(method, path, **options)
    assert answer.status in (200, 201, 204), answer


async def refused(api: Api, room: str) -> Answer:
    """What the API says to a message into this room."""
    return await api.request(
        "POST", "/api/messages/send", json={"conversation_id": room, "body": "¿se puede?"}
    )


async def write_status(client: RawClient, room: str) -> int:
    """What the person's own homeserver says to an encrypted event."""
    return (await client.send(room, "m.room.encrypted", ENCRYPTED)).status


async def membership(client: RawClient, room: str, person: str) -> str | None:
    """What this person is in the room, as this client is shown."""
    reply = await client.request("GET", f"/rooms/{quote(room)}/state/m.room.member/{quote(person)}")
    return str(reply.body["membership"]) if reply.status == 200 else None


async def test_an_ended_conversation_is_read_and_not_written_in_until_care_starts_again(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """403 from the API, and from the doctor's own homeserver; both still read; then it goes on in the same room."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        room = (await people.api.send("¿Sigo con la dieta?", recipient=people.professional))[
            "conversation_id"
        ]
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        await element.wait_for_message(room, body="¿Sigo con la dieta?")
        await element.send_text(room, "Sí")
        await eventually(lambda: people.api.history(room), until=lambda all_: len(all_) == 2)
        async with logged_in(servers.hospital, people.professional, PASSWORD) as doctor:
            await care(people, "DELETE")
            answer = await refused(people.api, room)
            assert (answer.status, answer.body["type"]) == (403, "/problems/not-in-care-team")
            await eventually(partial(write_status, doctor, room), until=lambda status: status == 403)
            shown = await people.api.history(room)
            assert [one["body"] for one in shown] == ["Sí", "¿Sigo con la dieta?"]
            assert len(await doctor.event_ids(room)) > 2
            listed = (await people.api.request("GET", "/api/conversations")).body["conversations"]
            assert [one["state"] for one in listed] == ["ended"]

            await care(people, "PUT")
            again = await people.api.send("¿Y ahora?", conversation_id=room)
            assert (await element.wait_for_message(room, event_id=again["message_id"])).is_trusted
            await element.send_text(room, "También")
            await eventually(
                lambda: people.api.history(room), until=lambda all_: all_[0]["body"] == "También"
            )


async def test_a_representative_reads_and_writes_while_she_may(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """From her coming on, not what was said before; once it ended she is out and hears of nothing."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element, aiohttp.ClientSession() as http:
        mother = f"{people.patient.partition(':')[0]}_madre:{servers.settings.homeserver.server_name}"
        async with app.opened(servers.settings) as gateway:
            await add_managed_user(gateway, user_id=mother, display_name="Madre")
        hers = Api(url=servers.bridge.api_url, key=people.api.key, acting_for=mother, http=http)
        room = (await people.api.send("antes", recipient=people.professional))["conversation_id"]
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        assert (await refused(hers, room)).status == 404

        await represent(people, mother, {"scopes": ["messages"], "reason": "es menor"})
        written = await hers.send("soy su madre", conversation_id=room)
        assert (await element.wait_for_message(room, event_id=written["message_id"])).is_trusted
        await element.send_text(room, "buenos días")
        shown = await eventually(
            lambda: hers.history(room), until=lambda all_: all_[0]["body"] == "buenos días"
        )
        assert [one["type"] for one in shown] == ["text", "text", "undecryptable"]
        assert [one["sender_role"] for one in shown] == ["professional", "representative", "patient"]

        await represent(people, mother, None)
        assert (await refused(hers, room)).status == 404
        path = f"/api/messages/conversation/{quote(room, safe='')}"
        assert (await hers.request("GET", path)).status == 404
        async with logged_in(servers.hospital, people.professional, PASSWORD) as doctor:
            await eventually(partial(membership, doctor, room, mother), until=lambda what: what == "leave")
        last = await people.api.send("sin ella", conversation_id=room)
        assert (await element.wait_for_message(room, event_id=last["message_id"])).is_trusted


async def test_a_professional_who_left_is_out_of_every_room(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """With one command, which may be repeated; her patients still read what she wrote."""
    assert bridge.is_running
    async with pair(servers) as people:
        other = f"{people.patient.partition(':')[0]}_otro:{servers.settings.homeserver.server_name}"
        async with app.opened(servers.settings) as gateway:
            await add_managed_user(gateway, user_id=other, display_name="Otro")
        async with aiohttp.ClientSession() as http:
            others = Api(url=servers.bridge.api_url, key=people.api.key, acting_for=other, http=http)
            path = f"/api/care/{quote(other, safe='')}/{quote(people.professional, safe='')}"
            assert (await others.request("PUT", path, json={"role": "gp"})).status == 201
            rooms = [
                (await api.send("hola", recipient=people.professional))["conversation_id"]
                for api in (people.api, others)
            ]
            async with logged_in(servers.hospital, people.professional, PASSWORD) as doctor:
                for room in rooms:
                    await eventually(partial(join_status, doctor, room), until=lambda status: status == 200)
                for _ in range(2):
                    await command(servers, "care", "leave", people.professional)
                for room in rooms:
                    await eventually(partial(write_status, doctor, room), until=lambda status: status == 403)
                    await eventually(
                        partial(membership, doctor, room, people.professional),
                        until=lambda what: what in ("leave", None),
                    )
                for api, room in zip((people.api, others), rooms, strict=True):
                    assert [one["body"] for one in await api.history(room)] == ["hola"]
                    assert (await refused(api, room)).status == 403


async def join_status(client: RawClient, room: str) -> int:
    """What joining answers, once the invitation has come."""
    return (await client.join(room)).status


async def command(servers: LocalPlatform, *arguments: str) -> None:
    """Run `videoconsulta` as the operator would."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bridge", *arguments, "--config", str(servers.bridge.config)
    )
    assert await process.wait() == 0
