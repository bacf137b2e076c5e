"""The fakes beside bots/ports.py."""

from collections.abc import Sequence

from appointments.errors import NotInCareTeamError
from bots.ports import Contact, NotNowError, Opened


class FakeConsultDesk:
    """People and who may consult whom, in memory; `is_down` makes opening impossible for now."""

    def __init__(self) -> None:
        self.known: dict[str, list[Contact]] = {}
        self.opened: list[tuple[str, Contact]] = []
        self.is_down = False

    async def contacts(self, person: str) -> Sequence[Contact]:
        """Whom this person may consult now."""
        return list(self.known.get(person, []))

    async def open(self, person: str, contact: Contact) -> Opened:
        """A room that is the same for the same two."""
        if contact not in self.known.get(person, []):
            raise NotInCareTeamError(person)
        if self.is_down:
            raise NotNowError
        if (person, contact) not in self.opened:
            self.opened.append((person, contact))
        room_id = f"!room{self.opened.index((person, contact))}"
        return Opened(room_id, f"https://matrix.to/#/{room_id}")
