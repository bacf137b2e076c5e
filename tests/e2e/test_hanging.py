"""The portal's homeserver takes connections and answers nothing for a while."""

import asyncio
from uuid import uuid4

import pytest

from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import Clinic
from tests.e2e.place import stopped
from tests.e2e.world import Api, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

_A_PROXYS_PATIENCE_S = 60


async def test_whoever_waits_for_it_hears_so(servers: LocalPlatform, clinic: Clinic) -> None:
    """Within what a proxy waits, wherever she stands; what needs no homeserver answers meanwhile.

    Every message is kept, and goes out once when the homeserver answers again; repeated, it is the same one.
    """
    assert clinic
    async with pair(servers) as people:
        api = people.api
        room = str((await api.send("antes", recipient=people.professional))["conversation_id"])
        keys = {f"mensaje {number}": uuid4().hex for number in range(10)}
        history = f"/api/messages/conversation/{room.replace('!', '%21')}"
        async with stopped(servers.portal.pid), asyncio.timeout(_A_PROXYS_PATIENCE_S):
            sends = [asyncio.create_task(_try_to_send(api, room, said, key)) for said, key in keys.items()]
            reads = asyncio.create_task(api.request("GET", history))
            for path, status in (
                ("/api/conversations", 200),
                ("/metrics", 200),
                ("/health/live", 200),
                ("/health/ready", 503),
            ):
                assert (await api.request("GET", path)).status == status
            assert await asyncio.gather(*sends) == [503] * len(sends)
            assert (await reads).status == 503

        async def messages() -> list[str]:
            return [message["body"] for message in reversed(await api.history(room))]

        await eventually(messages, until=lambda found: len(found) == 1 + len(keys))
        in_room = await messages()
        assert sorted(in_room) == sorted(["antes", *keys])
        for said, key in keys.items():
            assert await _try_to_send(api, room, said, key) == 201
        assert await messages() == in_room


async def _try_to_send(api: Api, room: str, said: str, key: str) -> int:
    answer = await api.request(
        "POST",
        "/api/messages/send",
        headers={"Idempotency-Key": key},
        json={"conversation_id": room, "body": said},
    )
    assert answer.status != 503 or int(answer.headers["Retry-After"]) > 0
    return answer.status
