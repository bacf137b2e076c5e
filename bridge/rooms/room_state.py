"""The state of a room as the keeper sees it, and what is to be other in it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from appointments.access import Parties
from bots.consult import server_acl, speaking_levels
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject

Content = Mapping[tuple[str, str], JsonObject]
"""The contents of state events, by type and state key."""


PRESENT = ("join", "invite", "knock")
LEVELS = ("m.room.power_levels", "")


async def content_of(matrix: MatrixClient, *, keeper: str, room_id: str) -> Content:
    """The room's state now."""
    events = await matrix.room_state(user_id=keeper, room_id=room_id)
    return {(event["type"], event["state_key"]): event["content"] for event in events}


def membership_in(content: Content, person: str) -> Any:
    """What this person is in the room; None for who never was anything there."""
    return content.get(("m.room.member", person), {}).get("membership")


def present_in_room(content: Content) -> set[str]:
    """Who is in the room, or about to be."""
    people = {key for event_type, key in content if event_type == "m.room.member"}
    return {person for person in people if membership_in(content, person) in PRESENT}


def wanted_state(
    row: Row[Any], parties: Parties, content: Content, *, keeper: str, is_open: bool
) -> dict[str, JsonObject]:
    """What a room of the conversation in this row should be, by type: whose servers take part, and who may write."""
    # A server is not shut out because its doctor left: it still shows her what she was allowed to see.
    people = {row.patient, row.professional, *parties.members}
    return {
        "m.room.server_acl": server_acl(keeper=keeper, people=people),
        LEVELS[0]: speaking_levels(content[LEVELS], is_open=is_open),
    }


async def invite_once(matrix: MatrixClient, *, keeper: str, room_id: str, person: str) -> None:
    """Invite her, unless another process was faster. Raises what the invitation does."""
    try:
        await matrix.invite(user_id=keeper, room_id=room_id, invitee=person)
    except MatrixError:
        there = await matrix.state_event(
            user_id=keeper, room_id=room_id, event_type="m.room.member", state_key=person
        )
        if there is None or there.get("membership") not in PRESENT:
            raise


async def set_contents(
    matrix: MatrixClient, *, keeper: str, room_id: str, content: Content, wanted: Mapping[str, JsonObject]
) -> None:
    """Set what is `wanted`, by type, where the room's `content` is another."""
    for event_type, wanted_content in wanted.items():
        if content.get((event_type, "")) != wanted_content:
            await matrix.send_state(
                user_id=keeper,
                room_id=room_id,
                event_type=event_type,
                state_key="",
                content=wanted_content,
            )
