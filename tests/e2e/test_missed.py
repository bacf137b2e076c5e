"""bridge/inbound/missed.py with a homeserver that dies: what it had yet to push is lost to it, and not to us."""

from functools import partial
from urllib.parse import quote

import pytest

from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from bridge.storage.state import get_state
from tests.e2e.element import ElementClient
from tests.e2e.fault_proxy import FaultProxy
from tests.e2e.joining import joined
from tests.e2e.world import Api, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_homeserver_that_dies_while_it_pushes(
    servers: LocalPlatform, proxy: FaultProxy, bridge: BridgeProcess
) -> None:
    """What was on its way and what waited behind it is counted soon, and read with what came after it."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        room = str((await people.api.send("hola", recipient=people.professional))["conversation_id"])
        await joined(element, servers, people, room)
        await eventually(partial(is_watched, servers), until=bool)
        proxy.fail("hold")
        for body in ("uno", "dos", "tres"):
            await element.send_text(room, body)
            await eventually(
                partial(newest, people.api, room), until=lambda it, body=body: it["body"] == body
            )
        await servers.portal.kill()
        proxy.heal()
        await servers.portal.start()
        await servers.portal.wait_ready()
        await element.send_text(room, "cuatro")
        await eventually(partial(unread, people.api), until=lambda count: count == 4, within_s=60)
        last = await newest(people.api, room)
        assert last["body"] == "cuatro"
        answer = await people.api.request("POST", f"/api/messages/{quote(last['message_id'], safe='')}/read")
        assert answer.status == 200
        assert await unread(people.api) == 0


async def is_watched(servers: LocalPlatform) -> bool:
    """Whether the bridge knows from where to look."""
    async with app.opened(servers.settings) as gateway, gateway.database.read() as connection:
        return await get_state(connection, f"missed.place.{servers.settings.keeper_id}") is not None


async def newest(api: Api, room: str) -> dict[str, object]:
    """The last message of her history."""
    history: list[dict[str, object]] = await api.history(room)
    return history[0]


async def unread(api: Api) -> int:
    """How many messages wait for her."""
    answer = await api.request("GET", "/api/conversations")
    return sum(one["unread_count"] for one in answer.body["conversations"])
