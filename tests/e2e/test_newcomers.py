"""A doctor who comes in reads what was written before, however late her client learns whose device wrote it."""

import asyncio
from collections.abc import Sequence

import pytest

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient, Message
from tests.e2e.free_ports import free_ports
from tests.e2e.slow_queries import SlowQueries
from tests.e2e.world import PASSWORD, Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNSIGNED = "UNSIGNED_SENDER_DEVICE"
"""Said of a message, her client looks at it no more."""


def shown(element: ElementClient, event_id: str) -> Sequence[Message]:
    """What her client made of this message, each time it tried."""
    messages = (one.message for one in element.pushed)
    return [message for message in messages if message is not None and message.event_id == event_id]


async def come_in(element: ElementClient, keeper: str) -> None:
    """She takes the keeper's invitation as soon as it is there."""
    invitation = await element.wait_for_invite(inviter=keeper)
    await element.join(invitation.room_id)


async def first_message(
    element: ElementClient, url: str, people: Pair, *, keeper: str, order: str
) -> tuple[str, str]:
    """The room and the message that her patient writes; she has come in then."""
    if order != "she logs in later":
        await element.login(url, people.professional_name, PASSWORD)
    coming = asyncio.create_task(come_in(element, keeper)) if order == "she comes in at once" else None
    sent = await people.api.send("¿Puedo dejar la dieta?", recipient=people.professional)
    if order == "she logs in later":
        await element.login(url, people.professional_name, PASSWORD)
    await (coming or come_in(element, keeper))
    return sent["conversation_id"], sent["message_id"]


@pytest.mark.parametrize(
    "order", ["she logs in later", "she is invited and comes in later", "she comes in at once"]
)
async def test_the_first_message_is_readable_whatever_overtakes_what(
    servers: LocalPlatform, bridge: BridgeProcess, order: str
) -> None:
    """Her client has the message before it knows who wrote it: it waits for the key, and refuses nothing."""
    assert bridge.is_running
    (port,) = free_ports(1)
    async with pair(servers) as people:
        proxy = SlowQueries(port=port, target=servers.hospital.client_url, person=people.patient)
        await proxy.start()
        try:
            async with ElementClient() as element:
                room, event_id = await first_message(
                    element, proxy.url, people, keeper=servers.settings.keeper_id, order=order
                )
                reading = asyncio.create_task(element.wait_for_message(room, event_id=event_id))

                async def attempts() -> Sequence[Message]:
                    return shown(element, event_id)

                await eventually(attempts, until=bool)
                proxy.let_go()
                assert (await reading).is_trusted
                assert UNSIGNED not in {one.failure_reason for one in shown(element, event_id)}
        finally:
            await proxy.stop()
