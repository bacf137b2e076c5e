"""What the conversation asks of the rest of the house. bots/fakes.py has the fakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class NotNowError(Exception):
    """It can't be done at the moment; the same may work in a while."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who may be consulted. `name` is theirs where we know it; `on_behalf_of` the patient acted for."""

    user_id: str
    name: str | None = None
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation: the Matrix room, and a link that Matrix clients follow into it."""

    conversation_id: str
    link: str


class ConsultDesk(Protocol):
    """Who may consult whom, and the rooms for it."""

    async def contacts(self, person: str) -> Sequence[Contact]:
        """Whom this person may consult now, always in the same order."""

    async def open(self, person: str, contact: Contact) -> Opened:
        """The conversation of these two, made if there is none; again gives the same one.

        Raises NotInCareTeamError, and NotNowError while the homeserver is in trouble.
        """
