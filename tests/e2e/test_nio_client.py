"""A second independent client, matrix-nio with its own encryption machine and no cross-signing."""

from pathlib import Path

import nio
import pytest

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.world import PASSWORD, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_doctor_without_cross_signing_reads_and_answers(
    servers: LocalPlatform, bridge: BridgeProcess, tmp_path: Path
) -> None:
    """To somebody who has set up no identity, keys go on all devices; her answer is in the history."""
    assert bridge.is_running
    async with pair(servers) as people:
        first = await people.api.send("¿Puedo correr?", recipient=people.professional)
        room = first["conversation_id"]
        client = nio.AsyncClient(
            servers.hospital.client_url,
            people.professional,
            store_path=str(tmp_path),
            config=nio.AsyncClientConfig(store_sync_tokens=True, encryption_enabled=True),
        )
        try:
            assert isinstance(await client.login(PASSWORD), nio.LoginResponse)
            await client.keys_upload()
            await client.sync(timeout=0, full_state=True)
            assert isinstance(await client.join(room), nio.JoinResponse)

            async def first_message() -> nio.Event | None:
                await client.sync(timeout=1000)
                if client.should_query_keys:
                    await client.keys_query()
                answer = await client.room_messages(room, limit=50)
                assert isinstance(answer, nio.RoomMessagesResponse)
                return next((one for one in answer.chunk if one.event_id == first["message_id"]), None)

            read = await eventually(
                first_message,
                until=lambda event: isinstance(event, nio.RoomMessageText) and room in client.rooms,
            )
            assert isinstance(read, nio.RoomMessageText)
            assert read.body == "¿Puedo correr?"
            await client.room_send(
                room,
                "m.room.message",
                {"msgtype": "m.text", "body": "Sí, despacio."},
                ignore_unverified_devices=True,
            )
            history = await eventually(
                lambda: people.api.history(room),
                until=lambda messages: messages[0]["body"] == "Sí, despacio.",
            )
            assert history[0]["sender"] == people.professional
        finally:
            await client.close()
