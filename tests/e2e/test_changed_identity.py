"""A professional whose end-to-end encryption identity changes: nothing goes to her until the clinic has asked her."""

import asyncio
import re
import sys

import pytest

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient
from tests.e2e.world import PASSWORD, Answer, Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def identity(servers: LocalPlatform, *arguments: str, code: int = 0) -> str:
    """What `videoconsulta identity …` says to the clinic's operator."""
    command, *rest = arguments
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge",
        "identity",
        command,
        "--config",
        str(servers.bridge.config),
        *rest,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == code
    return said.decode()


async def refused(people: Pair, room: str) -> Answer:
    """The answer to one more message."""
    return await people.api.request(
        "POST", "/api/messages/send", json={"conversation_id": room, "body": "¿Sigue ahí?"}
    )


async def test_delivery_stops_until_the_clinic_accepts_the_new_identity(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """The sender is told with 409, the clinic by command; once it was accepted messages arrive, trusted."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        room = (await people.api.send("Hola, doctora", recipient=people.professional))["conversation_id"]
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        await element.wait_for_message(room, body="Hola, doctora")

        await element.replace_identity(people.professional_name, PASSWORD)
        await eventually(lambda: identity(servers, "list"), until=lambda said: people.professional in said)
        answer = await refused(people, room)
        assert (answer.status, answer.body["type"]) == (409, "/problems/identity-changed"), answer
        timeline = await element.timeline(room)
        assert [one.body for one in timeline] == ["Hola, doctora"]

        wrong = await identity(servers, "accept", people.professional, "--fingerprint", "abcd", code=1)
        shown = re.search(r"publishes now: ((?:[A-Za-z0-9+/]{4} ){10}[A-Za-z0-9+/]{3})\n", wrong)
        assert shown is not None
        assert "accepted" not in wrong
        said = await identity(servers, "accept", people.professional, "--fingerprint", shown[1])
        assert said.endswith(" is accepted\n")
        assert people.professional not in await identity(servers, "list")
        sent = await people.api.send("Bien", conversation_id=room)
        assert (await element.wait_for_message(room, event_id=sent["message_id"])).is_trusted
