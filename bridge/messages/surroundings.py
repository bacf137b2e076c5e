"""What a page of a conversation is shown with, all of it from our own tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.services import list_representations
from bridge.attachments.store import ids_of_events
from bridge.messages.presenting import Parties
from bridge.messages_model import ConversationSummary
from bridge.rooms.summaries import summary_of
from bridge.states.receipts import ReadStates, read_states


@dataclass(frozen=True, slots=True)
class States:
    """What is known of some events besides what they say."""

    event_ids: frozenset[str]
    read: ReadStates
    uploads: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Who takes part, the conversation as its reader sees it, and what is known of some of its events."""

    parties: Parties
    summary: ConversationSummary
    states: States


async def surroundings_of(
    connection: AsyncConnection,
    row: Row[Any],
    *,
    reader: str,
    portal_server: str,
    event_ids: Sequence[str],
    now: datetime,
) -> Surroundings:
    """Those of the conversation in this row."""
    acts = await list_representations(connection, patient=row.patient)
    return Surroundings(
        parties=Parties(
            conversation_id=row.room_id,
            patient=row.patient,
            professional=row.professional,
            representatives=frozenset(one.representative for one in acts if "messages" in one.scopes),
            portal_server=portal_server,
        ),
        summary=await summary_of(connection, room_id=row.room_id, reader=reader, now=now),
        states=await states_of(connection, row.room_id, event_ids),
    )


async def states_of(connection: AsyncConnection, conversation_id: str, event_ids: Sequence[str]) -> States:
    """What is known of these events."""
    return States(
        event_ids=frozenset(event_ids),
        read=await read_states(connection, conversation_id, event_ids),
        uploads=await ids_of_events(connection, conversation_id=conversation_id, event_ids=event_ids),
    )
