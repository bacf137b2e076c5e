"""A professional in Element who comes into a consult room."""

from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient
from tests.e2e.world import PASSWORD, Pair


async def joined(element: ElementClient, servers: LocalPlatform, people: Pair, room: str) -> None:
    """The professional logs in for the first time and comes in."""
    await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
    await element.wait_for_invite(room_id=room)
    await element.join(room)
