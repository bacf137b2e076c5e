"""A professional in Element who comes into a consult room, and answers."""

from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient
from tests.e2e.world import PASSWORD, Pair, eventually


async def joined(element: ElementClient, servers: LocalPlatform, people: Pair, room: str) -> None:
    """The professional logs in for the first time and comes in."""
    await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
    await element.wait_for_invite(room_id=room)
    await element.join(room)


async def answer_arrives(people: Pair, room: str, body: str) -> None:
    """Wait until the newest message of the history is this answer of the professional's."""
    newest = (
        await eventually(lambda: people.api.history(room), until=lambda messages: messages[0]["body"] == body)
    )[0]
    assert newest["sender"] == people.professional
    assert newest["sender_role"] == "professional"
    assert newest["type"] == "text"
