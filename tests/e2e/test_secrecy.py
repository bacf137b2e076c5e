"""Nobody but the two ends has the words: not the homeservers, not our database, not a log."""

from pathlib import Path
from uuid import uuid4

import pytest

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient
from tests.e2e.world import PASSWORD, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


def files_with(directory: Path, words: bytes) -> list[Path]:
    """Every file below the directory that holds these bytes."""
    return [path for path in directory.rglob("*") if path.is_file() and words in path.read_bytes()]


async def test_the_words_of_a_conversation_are_in_no_file_of_the_platform(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """Both homeservers' databases, ours, and all logs, searched for what both sides wrote."""
    assert bridge.is_running
    question, answer = f"pregunta-{uuid4()}", f"respuesta-{uuid4()}"
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send(question, recipient=people.professional)
        room = first["conversation_id"]
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        await element.wait_for_message(room, body=question)
        await element.send_text(room, answer)
        await eventually(
            lambda: people.api.history(room), until=lambda messages: messages[0]["body"] == answer
        )
    directory = servers.config.parent
    # The search itself works: what is in clear is found in the same places.
    assert files_with(directory, room.encode())
    assert files_with(directory, question.encode()) == []
    assert files_with(directory, answer.encode()) == []
