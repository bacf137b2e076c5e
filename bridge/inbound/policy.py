"""What the homeserver's policy module (synapse-config/module) asks us: whether somebody may invite somebody."""

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import parties_of, whom_can_consult
from bridge.clock import Now
from bridge.inbound.transactions import for_homeserver, refusal
from bridge.rooms.former_rooms import CONVERSATION_ID
from bridge.settings import Settings
from bridge.storage.conversations import conversations
from bridge.storage.database import Database

_LONGEST_ID = 255
_PAIR_OF_ROOM = select(conversations.c.patient, conversations.c.professional).where(
    conversations.c.room_id == CONVERSATION_ID
)


class Invitation(BaseModel):
    """The question. The homeserver knows the inviter."""

    model_config = ConfigDict(frozen=True)

    inviter: str = Field(max_length=_LONGEST_ID)
    invitee: str = Field(max_length=_LONGEST_ID)
    room_id: str = Field(max_length=_LONGEST_ID)


async def may_invite(connection: AsyncConnection, *, inviter: str, invitee: str, now: datetime) -> bool:
    """Whether one of the two may open a conversation with the other now, be it for a patient she represents.

    Nobody invites the bots.
    """
    for one, other in ((inviter, invitee), (invitee, inviter)):
        if any(other == known for known, *_ in await whom_can_consult(connection, one, now)):
            return True
    return False


async def may_bring_in(
    connection: AsyncConnection, *, invitee: str, room_id: str, assistant: str | None, now: datetime
) -> bool:
    """Whether the keeper may invite this person into this consult room now.

    It may invite those who take part in its conversation while that is open, and the `assistant` where the clinic
    lets it in. The keeper asks itself here: what it invites for is committed before it does, and no transaction
    waits for the homeserver, so that the answer never waits for the invitation.
    """
    pair = (await connection.execute(_PAIR_OF_ROOM, {"room_id": room_id})).first()
    if pair is None:
        return False
    parties = await parties_of(connection, patient=pair.patient, professional=pair.professional, now=now)
    return parties.is_open and invitee in {*parties.members, assistant}


def policy_routes(*, settings: Settings, database: Database, now: Now) -> list[web.RouteDef]:
    """`POST /_videoconsulta/policy/v1/invite {inviter, invitee, room_id}` → `{allowed}`; none without a secret."""
    if settings.policy is None:
        return []
    assistant = settings.assistant_id if settings.assistant.in_consult_rooms else None

    async def invite(request: web.Request) -> web.Response:
        try:
            asked = Invitation.model_validate_json(await request.read())
        except ValidationError:
            return refusal(400, "M_BAD_JSON", "Expected inviter, invitee and room_id")
        async with database.read() as connection:
            if asked.inviter == settings.keeper_id:
                allowed = await may_bring_in(
                    connection,
                    invitee=asked.invitee,
                    room_id=asked.room_id,
                    assistant=assistant,
                    now=now(),
                )
            else:
                allowed = await may_invite(
                    connection, inviter=asked.inviter, invitee=asked.invitee, now=now()
                )
        return web.json_response({"allowed": allowed})

    guarded = for_homeserver(invite, token=settings.policy.secret.get_secret_value())
    return [web.post("/_videoconsulta/policy/v1/invite", guarded)]
