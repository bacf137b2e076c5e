"""Reading room events (Matrix client-server API, 11.12.4.2.2).

An event is shown only if
 - its session was given to this user, for this room, by a device of the event's sender (not merely by
   somebody who holds the session, nor is `sender_key` in the event believed or needed),
 - that device is believed (trust.py), or was when the session came or was first read,
 - the plaintext names the same room, and
 - the message index was not used by another event before (message_indexes.py). Of events that are read together the
   oldest is first.
"""

import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import vodozemac
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.database import Database
from bridge.e2ee import inbound, trust
from bridge.e2ee.devices import Devices
from bridge.e2ee.message_indexes import Use, claim_indexes
from bridge.e2ee.model import MEGOLM, Decrypted, EncryptedEvent, Undecryptable
from bridge.e2ee.untrusted import dig, is_identifier

Result = Decrypted | Undecryptable

CatchUp = Callable[[str, str], Awaitable[None]]
"""Fetches and processes what waits for a device (user id, device id)."""


@dataclass(frozen=True)
class _Session:
    """A session and what is to be thought of its owner: `refusal` is None for a trusted one.

    `is_noted`: that it is trusted stands in the database.
    """

    room_id: str
    sender: str
    sender_key: str
    session: vodozemac.InboundGroupSession
    refusal: str | None
    is_noted: bool


@dataclass(frozen=True)
class _Opened:
    event: EncryptedEvent
    session_id: str
    session: _Session
    message_index: int
    plaintext: bytes

    @property
    def use(self) -> Use:
        """What no other event may use."""
        return self.session_id, self.session.sender_key, self.message_index


class Decryption:
    """Reads as any of our users."""

    def __init__(
        self, *, database: Database, devices: Devices, catch_up: CatchUp | None, pickle_key: bytes
    ) -> None:
        self._database = database
        self._devices = devices
        self._catch_up = catch_up
        self._pickle_key = pickle_key

    async def decrypt(
        self, user_id: str, events: Sequence[EncryptedEvent], *, catch_up_missing: bool
    ) -> list[Result]:
        """Each event's content or why there is none, in the same order; see machine.py."""
        results = await self._decrypt(user_id, events)
        if not (catch_up_missing and self._catch_up and Undecryptable("unknown-session") in results):
            return results
        async with self._database.read() as connection:
            own = await self._devices.own(connection, user_id)
        if own is None:
            return results
        await self._catch_up(own.user_id, own.device_id)
        return await self._decrypt(user_id, events)

    async def _decrypt(self, user_id: str, events: Sequence[EncryptedEvent]) -> list[Result]:
        async with self._database.read() as connection:
            sessions, withheld = await self._load(connection, user_id, events)
        # The oldest first: a session winds forward step by step, and from its beginning for what lies behind.
        found = {
            number: self._find(event, sessions, withheld)
            for number, event in sorted(enumerate(events), key=lambda item: item[1].origin_server_ts)
        }
        opened = [found[number] for number in range(len(events))]
        readable = [item for item in opened if isinstance(item, _Opened)]
        await self._note_trust(user_id, readable)
        # Lists are newest first, and sorting keeps the order of equals.
        newest_first = sorted(readable, key=lambda item: item.event.origin_server_ts, reverse=True)
        first_uses = await claim_indexes(
            self._database, [(item.use, item.event.event_id) for item in newest_first]
        )
        return [_read(item, first_uses) if isinstance(item, _Opened) else item for item in opened]

    def _find(
        self,
        event: EncryptedEvent,
        sessions: Mapping[str, Sequence[_Session]],
        withheld: Mapping[tuple[str, str, str], str],
    ) -> _Opened | Undecryptable:
        found = _open(event, sessions[str(event.content.get("session_id"))])
        if found == Undecryptable("unknown-session"):
            code = withheld.get((event.room_id, str(event.content["session_id"]), event.sender))
            return found if code is None else Undecryptable(f"withheld:{code}")
        return found

    async def _note_trust(self, user_id: str, opened: Sequence[_Opened]) -> None:
        new = {(item.session_id, item.session.sender_key) for item in opened if not item.session.is_noted}
        if new:
            async with self._database.write() as connection:
                await inbound.trust(connection, user_id, new)

    async def _load(
        self, connection: AsyncConnection, user_id: str, events: Sequence[EncryptedEvent]
    ) -> tuple[dict[str, list[_Session]], dict[tuple[str, str, str], str]]:
        session_ids = {
            session_id for event in events if is_identifier(session_id := event.content.get("session_id"))
        }
        rows = await inbound.load(connection, user_id=user_id, session_ids=session_ids)
        doubtful = {(row.sender, row.sender_key, row.sender_ed25519) for row in rows if not row.trusted}
        refusals = await trust.refusals(connection, doubtful) if doubtful else {}
        sessions: dict[str, list[_Session]] = defaultdict(list)
        for row in rows:
            session = _Session(
                room_id=row.room_id,
                sender=row.sender,
                sender_key=row.sender_key,
                session=vodozemac.InboundGroupSession.from_pickle(row.pickle, self._pickle_key),
                refusal=refusals.get((row.sender, row.sender_key, row.sender_ed25519)),
                is_noted=row.trusted,
            )
            sessions[row.session_id].append(session)
        withheld = await inbound.load_withheld(connection, user_id=user_id, session_ids=session_ids)
        return sessions, withheld


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
        return _Opened(event, session_id, session, found.message_index, found.plaintext)
    return Undecryptable(reason)


def _read(opened: _Opened, first_uses: dict[Use, str]) -> Result:
    if first_uses[opened.use] != opened.event.event_id:
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
