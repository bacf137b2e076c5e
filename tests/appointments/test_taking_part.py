"""appointments/storage/taking_part.py: who takes part, as SQL, agrees with the domain."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments.access import roles_of
from appointments.services import depart
from appointments.storage.schema import metadata
from appointments.storage.taking_part import taking_part
from bridge.storage.database import Database
from tests.appointments.relationships import enter_care, enter_representation

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PEOPLE = ("@a:p", "@b:p", "@c:h", "@d:h")

instants = st.sampled_from(
    [NOW - timedelta(hours=2), NOW - timedelta(hours=1), NOW, NOW + timedelta(hours=1)]
)
ends = st.none() | instants
pairs = st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=2, unique=True)
periods = st.tuples(pairs, instants, ends).filter(lambda one: one[2] is None or one[2] > one[1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(
    cares=st.lists(periods, max_size=4),
    acts=st.lists(periods, max_size=3),
    left=st.none() | st.sampled_from(PEOPLE),
)
async def test_it_agrees_with_the_roles(database: Database, cares, acts, left) -> None:
    """Exactly those with a role in care or messages, whatever was entered, whoever has left."""
    async with database.write() as connection:
        for table in ("care_relationships", "representations", "departures"):
            await connection.execute(metadata.tables[table].delete())
        for (patient, professional), starts, until in cares:
            await enter_care(
                connection, patient, professional, now=NOW - timedelta(hours=3), starts=starts, ends=until
            )
        for (patient, representative), starts, until in acts:
            await enter_representation(
                connection,
                patient,
                representative,
                "messages",
                now=NOW - timedelta(hours=3),
                starts=starts,
                ends=until,
            )
        if left is not None:
            await depart(connection, professional=left, now=NOW - timedelta(minutes=1))
        found = set((await connection.scalars(taking_part(), {"now": NOW})).all())
        assert found == {one for one in PEOPLE if await roles_of(connection, one, NOW)}
