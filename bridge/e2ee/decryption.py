"""Reading room events (Matrix client-server API, 11.12.4.2.2).

An event is shown only if
 - its session was given to this user, for this room, by a device of the event's sender (not merely by
   somebody who holds the session, nor is `sender_key` in the event believed or needed),
 - that device is believed (trust.py), or was when the session came or was first read,
 - the plaintext names the same room, and
 - the message index was not used by another event before (message_indexes.py). Of events that are read together the
   oldest is first.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import vodozemac
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.e2ee import inbound, trust
from bridge.e2ee.devices import Devices
from bridge.e2ee.message_indexes import Use, claim_indexes, owners_of
from bridge.e2ee.model import MEGOLM, Decrypted, EncryptedEvent, Undecryptable
from bridge.e2ee.untrusted import dig, is_identifier
from bridge.matrix.json import read_decrypted
from bridge.storage.database import Database

Result = Decrypted | Undecryptable

_UNKNOWN = Undecryptable("unknown-session")

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
        if not (catch_up_missing and self._catch_up and _UNKNOWN in results):
            return results
        async with self._database.read() as connection:
            own = await self._devices.own(connection, user_id)
        if own is None:
            return results
        await self._catch_up(own.user_id, own.device_id)
        return await self._decrypt(user_id, events)

    async def decrypt_within(
        self, connection: AsyncConnection, user_id: str, events: Sequence[EncryptedEvent]
    ) -> list[Result]:
        """The same, in the caller's write transaction; nothing is fetched."""
        opened = await self._open(connection, user_id, events)
        owners = await self._note(connection, user_id, opened)
        return _read_all(opened, owners)

    async def _decrypt(self, user_id: str, events: Sequence[EncryptedEvent]) -> list[Result]:
        async with self._database.read() as connection:
            opened = await self._open(connection, user_id, events)
            uses = _uses(opened)
            owners = await owners_of(connection, [use for use, _ in uses])
        if _untrusted(opened) or any(owners.get(use) != event_id for use, event_id in uses):
            async with self._database.write() as connection:
                owners = await self._note(connection, user_id, opened)
        return _read_all(opened, owners)

    async def _open(
        self, connection: AsyncConnection, user_id: str, events: Sequence[EncryptedEvent]
    ) -> list[_Opened | Undecryptable]:
        session_ids = {
            session_id for event in events if is_identifier(session_id := event.content.get("session_id"))
        }
        sessions = await self._load(connection, user_id, session_ids)
        # The oldest first: a session winds forward step by step, and from its beginning for what lies behind.
        found = {
            number: _open(event, sessions[str(event.content.get("session_id"))])
            for number, event in sorted(enumerate(events), key=lambda item: item[1].origin_server_ts)
        }
        opened = [found[number] for number in range(len(events))]
        if _UNKNOWN not in opened:
            return opened
        codes = await inbound.load_withheld(connection, user_id=user_id, session_ids=session_ids)
        return [
            _withheld(event, codes) if item == _UNKNOWN else item
            for event, item in zip(events, opened, strict=True)
        ]

    async def _note(
        self, connection: AsyncConnection, user_id: str, opened: Sequence[_Opened | Undecryptable]
    ) -> Mapping[Use, str]:
        """Note what was found trustworthy, and whose the indexes are: the owner of each."""
        if new := _untrusted(opened):
            await inbound.trust(connection, user_id, new)
        return await claim_indexes(connection, _uses(opened))

    async def _load(
        self, connection: AsyncConnection, user_id: str, session_ids: Collection[str]
    ) -> dict[str, list[_Session]]:
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
        return sessions


def _uses(opened: Sequence[_Opened | Undecryptable]) -> list[tuple[Use, str]]:
    """What was used by which event, the newest first."""
    readable = [item for item in opened if isinstance(item, _Opened)]
    # Lists are newest first, and sorting keeps the order of equals.
    readable.sort(key=lambda item: item.event.origin_server_ts, reverse=True)
    return [(item.use, item.event.event_id) for item in readable]


def _untrusted(opened: Sequence[_Opened | Undecryptable]) -> set[tuple[str, str]]:
    """The sessions of which it isn't noted yet that they are trusted."""
    return {
        (item.session_id, item.session.sender_key)
        for item in opened
        if isinstance(item, _Opened) and not item.session.is_noted
    }


def _withheld(event: EncryptedEvent, codes: Mapping[tuple[str, str, str], str]) -> Undecryptable:
    code = codes.get((event.room_id, str(event.content["session_id"]), event.sender))
    return _UNKNOWN if code is None else Undecryptable(f"withheld:{code}")


def _read_all(opened: Sequence[_Opened | Undecryptable], owners: Mapping[Use, str]) -> list[Result]:
    return [_read(item, owners) if isinstance(item, _Opened) else item for item in opened]


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
        return _UNKNOWN
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


def _read(opened: _Opened, owners: Mapping[Use, str]) -> Result:
    if owners[opened.use] != opened.event.event_id:
        return Undecryptable("replayed")
    try:
        payload = read_decrypted(opened.plaintext)
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
