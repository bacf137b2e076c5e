"""bridge/assistant/consult_desk.py: whom the assistant offers, and the rooms that it opens."""

from datetime import UTC, datetime
from typing import Any

import pytest

from appointments.errors import NotInCareTeamError
from bots.fakes import FakeConsultDesk
from bots.ports import ConsultDesk as Port
from bots.ports import Contact, NotNowError
from bridge.assistant.consult_desk import ConsultDesk, room_link
from bridge.matrix.errors import HomeserverUnreachableError
from tests.appointments.relationships import enter_representation
from tests.bridge.clinic import GARCIA, JUAN, LOPEZ, LUCIA, PORTAL, Clinic

MARIA = f"@maria:{PORTAL}"


class DeskContract:
    """What bots/router.py relies on: of the fake as of the real one.

    Garcia may be consulted by Maria, for herself and on behalf of Lucia; nobody by Lopez.
    """

    async def test_contacts_are_in_one_order(self, desk: Port) -> None:
        """Her own before those whom she acts for; a stranger has none."""
        assert list(await desk.contacts(MARIA)) == [Contact(GARCIA), Contact(GARCIA, None, LUCIA)]
        assert list(await desk.contacts(LOPEZ)) == []

    async def test_one_room_for_one_contact(self, desk: Port) -> None:
        """Again it is the same; on behalf of another patient it is another."""
        own = await desk.open(MARIA, Contact(GARCIA))
        assert await desk.open(MARIA, Contact(GARCIA)) == own
        assert own.conversation_id in own.link
        assert await desk.open(MARIA, Contact(GARCIA, None, LUCIA)) != own

    async def test_nobody_else(self, desk: Port) -> None:
        """Whatever somebody asks for."""
        for person, contact in (
            (LOPEZ, Contact(GARCIA)),
            (MARIA, Contact(LOPEZ)),
            (MARIA, Contact(GARCIA, None, JUAN)),
        ):
            with pytest.raises(NotInCareTeamError):
                await desk.open(person, contact)


class TestFake(DeskContract):
    """bots/fakes.py."""

    @pytest.fixture
    def desk(self) -> Port:
        """The fake."""
        made = FakeConsultDesk()
        made.known[MARIA] = [Contact(GARCIA), Contact(GARCIA, None, LUCIA)]
        return made


class TestReal(DeskContract):
    """The services."""

    @pytest.fixture
    async def desk(self, clinic: Clinic) -> Port:
        """On the clinic's database."""
        await clinic.start_care(MARIA, GARCIA)
        async with clinic.database.write() as connection:
            await enter_representation(
                connection,
                LUCIA,
                MARIA,
                "messages",
                now=clinic.clock(),
                starts=datetime(2026, 1, 1, tzinfo=UTC),
            )
        return ConsultDesk(
            database=clinic.database,
            conversations=clinic.main.conversations,
            sealer=clinic.sealer,
            portal_server=PORTAL,
            now=clinic.clock,
        )

    async def test_trouble_of_the_homeserver_is_not_now(self, clinic: Clinic, desk: Port) -> None:
        """The router says so to the person."""

        def down(_call: Any) -> None:
            raise HomeserverUnreachableError

        clinic.homeserver.before = down
        with pytest.raises(NotNowError):
            await desk.open(MARIA, Contact(GARCIA))


def test_a_link_has_a_server_to_ask() -> None:
    """A room id of version 12 names none."""
    assert (
        room_link("!abc-_", via="portal.example:8448") == "https://matrix.to/#/!abc-_?via=portal.example:8448"
    )
