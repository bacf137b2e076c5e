"""Who may consult whom, for the assistant: the use cases behind bots/ports.py."""

from collections.abc import Sequence
from urllib.parse import quote

from appointments.access import require_speaker, whom_can_consult
from appointments.sealing import Sealer
from bots.commands import plain
from bots.ports import Contact, NotNowError, Opened
from bridge.clock import Now
from bridge.errors import HomeserverUnavailableError
from bridge.people.people import names_of
from bridge.rooms.conversations import Conversations
from bridge.rooms.former_rooms import rooms_of
from bridge.storage.database import Database


class ConsultDesk:
    """Looks people up and opens consult rooms for them."""

    def __init__(
        self,
        *,
        database: Database,
        conversations: Conversations,
        sealer: Sealer,
        portal_server: str,
        now: Now,
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._sealer = sealer
        self._portal_server = portal_server
        self._now = now

    async def contacts(self, person: str) -> Sequence[Contact]:
        """Whom this person may consult now, by name, those she acts for after her own."""
        async with self._database.read() as connection:
            found = await whom_can_consult(connection, person, self._now())
            names = await names_of(connection, {other for other, _, _ in found}, sealer=self._sealer)
        contacts = [Contact(other, names.get(other), on_behalf_of) for other, _, on_behalf_of in found]
        return sorted(contacts, key=_order)

    async def open(self, person: str, contact: Contact) -> Opened:
        """The consult room of these two. Raises NotInCareTeamError, NotNowError."""
        async with self._database.read() as connection:
            care = await require_speaker(
                connection,
                sender=person,
                other=contact.user_id,
                now=self._now(),
                on_behalf_of=contact.on_behalf_of,
            )
        try:
            conversation_id = await self._conversations.open(care)
        except HomeserverUnavailableError as error:
            raise NotNowError from error
        async with self._database.read() as connection:
            rooms = await rooms_of(connection, conversation_id)
        return Opened(conversation_id, room_link(rooms[0], via=self._portal_server))


def room_link(room_id: str, *, via: str) -> str:
    """A matrix.to link (Matrix specification, appendix 4.7) that opens the room in the reader's client."""
    return f"https://matrix.to/#/{quote(room_id, safe='!:')}?via={quote(via, safe=':')}"


def _order(contact: Contact) -> tuple[str, str, str]:
    return (contact.on_behalf_of or "", plain(contact.name or contact.user_id), contact.user_id)
