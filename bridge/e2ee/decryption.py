"""Reading room events (Matrix client-server API, 11.12.4.2.2).

An event is shown only if
 - its session was given to this user, for this room, by a device of the event's sender (not merely by
   somebody who holds the session, nor is `sender_key` in the event believed or needed),
 - that device is signed by its owner's pinned identity, or its owner has published no identity,
 - the plaintext names the same room, and
 - the message index was not used by another event before.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import vodozemac
from sqlalchemy import Row, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.database import Database
from bridge.e2ee import inbound
from bridge.e2ee.devices import Devices
from bridge.e2ee.message_indexes import claim_indexes
from bridge.e2ee.model import MEGOLM, Decrypted, EncryptedEvent, Undecryptable
from bridge.e2ee.untrusted import dig, is_identifier
from bridge.storage.e2ee import known_devices, tracked_users

Result = Decrypted | Undecryptable


@dataclass(frozen=True)
class _Session:
    """A session and what is to be thought of its owner: `refusal` is None for a trusted one."""

    room_id: str
    sender: str
    sender_key: str
    session: vodozemac.InboundGroupSession
    refusal: str | None


@dataclass(frozen=True)
class _Opened:
    event: EncryptedEvent
    session_id: str
    sender_key: str
    message_index: int
    plaintext: bytes


class Decryption:
    """Reads as any of our users."""

    def __init__(self, *, database: Database, devices: Devices, pickle_key: bytes) -> None:
        self._database = database
        self._devices = devices
        self._pickle_key = pickle_key

    async def decrypt(self, user_id: str, events: Sequence[EncryptedEvent]) -> list[Result]:
        """Each event's content or why there is none, in the same order."""
        async with self._database.read() as connection:
            sessions, withheld = await self._load(connection, user_id, events)
        opened: list[_Opened | Undecryptable] = []
        for event in events:
            candidates = sessions[str(event.content.get("session_id"))]
            found = _open(event, candidates)
            if found == Undecryptable("unknown-session"):
                code = withheld.get((event.room_id, str(event.content["session_id"]), event.sender))
                found = found if code is None else Undecryptable(f"withheld:{code}")
            opened.append(found)
        uses = {
            (item.session_id, item.sender_key, item.message_index): item.event.event_id
            for item in reversed(opened)
            if isinstance(item, _Opened)
        }
        first_uses = await claim_indexes(self._database, uses)
        return [_read(item, first_uses) if isinstance(item, _Opened) else item for item in opened]

    async def _load(
        self, connection: AsyncConnection, user_id: str, events: Sequence[EncryptedEvent]
    ) -> tuple[dict[str, list[_Session]], dict[tuple[str, str, str], str]]:
        session_ids = {
            session_id for event in events if is_identifier(session_id := event.content.get("session_id"))
        }
        rows = await inbound.load(connection, user_id=user_id, session_ids=session_ids)
        refusals = await self._refusals(connection, user_id, rows)
        sessions: dict[str, list[_Session]] = defaultdict(list)
        for row in rows:
            session = vodozemac.InboundGroupSession.from_pickle(row.pickle, self._pickle_key)
            refusal = refusals.get((row.sender, row.sender_key, row.sender_ed25519), "unknown-device")
            sessions[row.session_id].append(
                _Session(row.room_id, row.sender, row.sender_key, session, refusal)
            )
        withheld = await inbound.load_withheld(connection, user_id=user_id, session_ids=session_ids)
        return sessions, withheld

    async def _refusals(
        self, connection: AsyncConnection, user_id: str, rows: Sequence[Row[*tuple[object, ...]]]
    ) -> dict[tuple[str, str, str], str | None]:
        """(user, Curve25519, Ed25519) of a device → why it is not trusted, or None if it is."""
        trusted = or_(known_devices.c.signed, tracked_users.c.pinned_master.is_(None))
        owners = {(row.sender, row.sender_key) for row in rows}
        query = (
            select(
                known_devices.c.user_id,
                known_devices.c.curve25519,
                known_devices.c.ed25519,
                trusted.label("trusted"),
            )
            .join(tracked_users, tracked_users.c.user_id == known_devices.c.user_id)
            .where(
                and_(
                    known_devices.c.user_id.in_({sender for sender, _ in owners}),
                    known_devices.c.curve25519.in_({key for _, key in owners}),
                )
            )
        )
        refusals: dict[tuple[str, str, str], str | None] = {
            (row.user_id, row.curve25519, row.ed25519): None if row.trusted else "unsigned-device"
            for row in await connection.execute(query)
        }
        own = await self._devices.own(connection, user_id)
        if own is not None:
            refusals[own.user_id, own.curve25519, own.ed25519] = None
        return refusals


def _open(event: EncryptedEvent, candidates: Sequence[_Session]) -> _Opened | Undecryptable:
    session_id, ciphertext = event.content.get("session_id"), event.content.get("ciphertext")
    if event.content.get("algorithm") != MEGOLM:
        return Undecryptable("unsupported-algorithm")
    if not is_identifier(session_id) or not isinstance(ciphertext, str):
        return Undecryptable("malformed")
    trusted = _trusted(event, candidates)
    if isinstance(trusted, Undecryptable):
        return trusted
    try:
        message = vodozemac.MegolmMessage.from_base64(ciphertext)
    except ValueError:
        return Undecryptable("malformed")
    return _open_with(event, session_id, message, trusted)


def _trusted(event: EncryptedEvent, candidates: Sequence[_Session]) -> Sequence[_Session] | Undecryptable:
    in_room = [session for session in candidates if session.room_id == event.room_id]
    if not in_room:
        return Undecryptable("unknown-session")
    of_sender = [session for session in in_room if session.sender == event.sender]
    if not of_sender:
        return Undecryptable("wrong-sender")
    trusted = [session for session in of_sender if session.refusal is None]
    return trusted or Undecryptable(of_sender[0].refusal or "unknown-device")


def _open_with(
    event: EncryptedEvent, session_id: str, message: vodozemac.MegolmMessage, trusted: Sequence[_Session]
) -> _Opened | Undecryptable:
    reason = "broken"
    for session in trusted:
        if message.message_index() < session.session.first_known_index:
            reason = "unknown-index"
            continue
        try:
            found = session.session.decrypt(message)
        except ValueError:
            continue
        return _Opened(event, session_id, session.sender_key, found.message_index, found.plaintext)
    return Undecryptable(reason)


def _read(opened: _Opened, first_uses: dict[tuple[str, str, int], str]) -> Result:
    use = (opened.session_id, opened.sender_key, opened.message_index)
    if first_uses[use] != opened.event.event_id:
        return Undecryptable("replayed")
    try:
        payload = json.loads(opened.plaintext)
    except (ValueError, RecursionError):
        return Undecryptable("malformed")
    event_type, content = dig(payload, "type"), dig(payload, "content")
    if dig(payload, "room_id") != opened.event.room_id:
        return Undecryptable("wrong-room")
    if not isinstance(event_type, str) or not isinstance(content, dict):
        return Undecryptable("malformed")
    relation = opened.event.content.get("m.relates_to")
    if isinstance(relation, dict):
        # Clients move relations to the clear text, where the homeserver could change them; one that a client
        # left inside as well is the sender's own word.
        content = {"m.relates_to": relation} | content
    return Decrypted(event_type, content)
