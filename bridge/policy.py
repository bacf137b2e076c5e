"""What the homeserver's policy module (synapse-config/module) asks us: whether somebody may invite somebody."""

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.access import whom_can_consult
from bridge.clock import Now
from bridge.database import Database
from bridge.settings import PolicySettings
from bridge.transactions import for_homeserver, refusal

_LONGEST_ID = 255


class Invitation(BaseModel):
    """The question. The homeserver knows the inviter; the room is told for questions to come."""

    model_config = ConfigDict(frozen=True)

    inviter: str = Field(max_length=_LONGEST_ID)
    invitee: str = Field(max_length=_LONGEST_ID)
    room_id: str = Field(max_length=_LONGEST_ID)


async def may_invite(connection: AsyncConnection, *, inviter: str, invitee: str, now: datetime) -> bool:
    """Whether one of the two may open a conversation with the other now, be it for a patient she represents.

    The bots invite without being asked about; nobody else invites them.
    """
    for one, other in ((inviter, invitee), (invitee, inviter)):
        if any(other == known for known, *_ in await whom_can_consult(connection, one, now)):
            return True
    return False


def policy_routes(*, policy: PolicySettings | None, database: Database, now: Now) -> list[web.RouteDef]:
    """`POST /_videoconsulta/policy/v1/invite {inviter, invitee, room_id}` → `{allowed}`; none without a secret."""
    if policy is None:
        return []

    async def invite(request: web.Request) -> web.Response:
        try:
            asked = Invitation.model_validate_json(await request.read())
        except ValidationError:
            return refusal(400, "M_BAD_JSON", "Expected inviter, invitee and room_id")
        async with database.read() as connection:
            allowed = await may_invite(connection, inviter=asked.inviter, invitee=asked.invitee, now=now())
        return web.json_response({"allowed": allowed})

    guarded = for_homeserver(invite, token=policy.secret.get_secret_value())
    return [web.post("/_videoconsulta/policy/v1/invite", guarded)]
