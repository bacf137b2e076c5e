"""Somebody's chat with the assistant about appointments, and when it takes place."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bots.booking_dialogue import Dialogue
from bots.booking_fakes import FakeBookingDesk
from bots.clinic import ClinicSettings
from bots.fakes import FakeConsultDesk
from bots.hearing import Heard, Said
from bots.replies import Asker, Reply, Turn
from bots.router import Router

MADRID = ZoneInfo("Europe/Madrid")
MARIA, NINA, GARCIA, LOPEZ = "@maria:p", "@nina:p", "@garcia:h", "@lopez:h"
NOW = datetime(2026, 11, 25, 11, 15, tzinfo=MADRID)
THURSDAY = datetime(2026, 11, 26, 10, 0, tzinfo=MADRID)


class Chat:
    """A person's chat with the assistant, who remembers what it offered as the bridge does."""

    def __init__(self, desk: FakeBookingDesk, person: str = MARIA) -> None:
        self.desk = desk
        self.person = person
        self.now = NOW
        self.dialogue: Dialogue | None = None
        self.events = 0

    async def hear(self, heard: Heard, *, event_id: str | None = None) -> Reply | None:
        """The answer to this."""
        self.events += 1
        router = Router(desk=FakeConsultDesk(), bookings=self.desk, clinic=ClinicSettings())
        turn = Turn(event_id or f"$event{self.events}", self.now, self.dialogue)
        reply = await router.answer(heard, asker=Asker(self.person, "es"), turn=turn)
        if reply is not None and reply.dialogue is not None:
            self.dialogue = reply.dialogue
        return reply

    async def say(self, text: str, **said: Any) -> Reply:
        """The answer to this text: there always is one."""
        reply = await self.hear(Said(text), **said)
        assert reply is not None
        return reply
