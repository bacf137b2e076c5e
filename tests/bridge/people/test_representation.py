"""bridge/people/representation.py, departures.py, identities.py: facts, sealed reasons, servers, the metric."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from appointments.sealing import Sealer
from appointments.storage.representation import representations
from bridge.callers import sessions
from bridge.errors import BadCredentialsError, NotAPersonError, ServerNotAllowedError
from bridge.people import care
from bridge.people.departures import depart
from bridge.people.identities import IdentityWatch
from bridge.people.representation import end_representation, start_representation
from bridge.storage.database import Database
from bridge.storage.e2ee import tracked_users
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.facts import recorded

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)
MARIA, MADRE, DOCTOR, BOT = "@maria:p", "@madre:p", "@garcia:h", "@consulta:p"


async def start(database: Database, *, representative: str = MADRE, now: datetime = NOW) -> None:
    """Enter that somebody acts for María."""
    async with database.write() as connection:
        await start_representation(
            connection,
            sealer=SEALER,
            servers={"p", "h"},
            bots={BOT},
            patient=MARIA,
            representative=representative,
            scopes=frozenset({"messages"}),
            starts=now,
            ends=None,
            reason="es menor",
            now=now,
        )


async def test_what_happened_is_a_fact_and_the_reason_is_sealed(database: Database) -> None:
    """Started, changed, ended once; no words of people in any of it."""
    await start(database)
    await start(database, now=NOW + timedelta(hours=1))
    for hour in (2, 3):
        async with database.write() as connection:
            await end_representation(
                connection, patient=MARIA, representative=MADRE, now=NOW + timedelta(hours=hour)
            )
    pair = {"patient": MARIA, "representative": MADRE}
    kinds = ("representation.started", "representation.changed", "representation.ended")
    assert await recorded(database) == [(kind, pair) for kind in kinds]
    async with database.read() as connection:
        sealed = (await connection.execute(select(representations.c.reason_sealed))).scalar_one()
    assert b"menor" not in sealed
    assert SEALER.open(sealed, context=f"representations:{MARIA}:{MADRE}") == b"es menor"


async def test_only_people_of_allowed_servers(database: Database) -> None:
    """Nothing is stored otherwise."""
    with pytest.raises(ServerNotAllowedError) as refused:
        await start(database, representative="@madre:elsewhere")
    assert refused.value.who == "representative"
    assert await recorded(database) == []


async def test_bots_act_for_nobody(database: Database) -> None:
    """Nothing is stored either."""
    with pytest.raises(NotAPersonError) as refused:
        await start(database, representative=BOT)
    assert refused.value.who == "representative"
    assert await recorded(database) == []


async def test_a_departure_ends_everything_in_one_transaction(database: Database) -> None:
    """Care, representation and sessions, each with its fact; repeated, only that she left again."""
    async with database.write() as connection:
        await care.start_care(
            connection,
            sealer=SEALER,
            servers={"p", "h"},
            bots={BOT},
            patient=MARIA,
            professional=DOCTOR,
            role="gp",
            starts=NOW,
            ends=None,
            reason=None,
            now=NOW,
        )
    await start(database, representative=DOCTOR)
    async with database.write() as connection:
        made = await sessions.create_own(
            connection, user_id=DOCTOR, openid_token="t", ttl=timedelta(hours=1), now=NOW
        )
    for hour in (1, 2):
        async with database.write() as connection:
            departed = await depart(connection, professional=DOCTOR, now=NOW + timedelta(minutes=hour))
    assert departed.care == ()
    kinds = [kind for kind, _ in await recorded(database)]
    assert kinds == [
        "care.started",
        "representation.started",
        "care.ended",
        "representation.ended",
        "professional.departed",
        "professional.departed",
    ]
    async with database.read() as connection:
        with pytest.raises(BadCredentialsError):
            await sessions.authenticate(connection, token=made.token, now=NOW + timedelta(minutes=3))


async def test_changed_identities_are_counted_and_told_once(
    clinic: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    """A gauge, and one warning for each person until it is accepted."""
    await clinic.main.messages.send(
        sender=LUCIA, conversation_id=None, recipient=GARCIA, body="x", reply_to=None, operation_id="1"
    )
    registry = CollectorRegistry()
    watch = IdentityWatch(identities=clinic.main.encryption.identities, registry=registry)
    counted = []
    for pinned in ("a", "b", "b", "a", "b"):
        async with clinic.database.write() as connection:
            await connection.execute(
                update(tracked_users)
                .where(tracked_users.c.user_id == GARCIA)
                .values(pinned_master="a", master_key=pinned)
            )
        with caplog.at_level(logging.WARNING, logger="bridge.people.identities"):
            await watch.look()
        counted.append(registry.get_sample_value("videoconsulta_changed_identities"))
    assert counted == [0, 1, 1, 0, 1]
    assert caplog.text.count(GARCIA) == 2
