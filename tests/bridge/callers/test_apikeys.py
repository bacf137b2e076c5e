"""bridge/callers/apikeys.py on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from appointments.sealing import Sealer
from bridge.callers.apikeys import Caller, authenticate, create, list_keys, revoke
from bridge.errors import ApiKeyNotFoundError, BadCredentialsError
from bridge.people import people
from bridge.storage.apikeys import api_keys
from bridge.storage.database import Database
from tests.bridge.persons import enter_person

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LUCIA = "@portal_lucia:p"


async def make(database: Database, *, expires_at: datetime | None = None) -> tuple[str, str]:
    """A new key: its id and token."""
    async with database.write() as connection:
        key, token = await create(
            connection, name="portal", scopes=["messages", "care"], expires_at=expires_at, now=NOW
        )
    return key.id, token


async def ask(database: Database, token: str, *, acting_for: str | None = None, now=NOW) -> Caller:
    """Authenticate with this token."""
    async with database.read() as connection:
        return await authenticate(connection, token=token, acting_for=acting_for, now=now)


async def refusal(database: Database, token: str, *, now=NOW) -> str:
    """Why this token is refused."""
    with pytest.raises(BadCredentialsError) as refused:
        await ask(database, token, now=now)
    return refused.value.reason


async def test_a_key_opens_with_its_scopes(database: Database) -> None:
    """The token that was shown once is recognised."""
    key_id, token = await make(database)
    caller = await ask(database, token)
    assert (caller.key.id, caller.key.scopes) == (key_id, frozenset({"messages", "care"}))
    assert not caller.acting_managed


async def test_the_secret_is_not_stored(database: Database) -> None:
    """Whoever reads the table can't call the API."""
    _, token = await make(database)
    async with database.read() as connection:
        row = (await connection.execute(select(api_keys))).one()
    assert token.split("_", 2)[2].encode() not in row.secret_sha256
    assert token.split("_", 2)[2] not in str(row)


async def test_a_key_ends_when_it_expires(database: Database) -> None:
    """It works until that instant, and not at it."""
    _, token = await make(database, expires_at=NOW + HOUR)
    await ask(database, token, now=NOW + HOUR - timedelta(microseconds=1))
    assert await refusal(database, token, now=NOW + HOUR) == "expired"


async def test_a_revoked_key_opens_nothing(database: Database) -> None:
    """At once, and the first revocation's time stays."""
    key_id, token = await make(database)
    async with database.write() as connection:
        await revoke(connection, key_id=key_id, now=NOW)
        await revoke(connection, key_id=key_id, now=NOW + HOUR)
    assert await refusal(database, token) == "revoked"
    async with database.read() as connection:
        assert [key.revoked_at for key in await list_keys(connection)] == [NOW]


@pytest.mark.parametrize("token", ["", "x", "vc_", "vc_0_0", "vc_\x00_", "vc_" + "é" * 60, "vc_\ud800_x"])
async def test_a_token_that_is_none_opens_nothing(database: Database, token: str) -> None:
    """Whatever is sent as a token, the answer is no and nothing breaks."""
    assert await refusal(database, token) == "invalid"


async def test_a_wrong_secret_opens_nothing(database: Database) -> None:
    """Neither another secret for a known key, nor a well-formed unknown key; even when it is revoked."""
    key_id, token = await make(database)
    other = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert await refusal(database, other) == "invalid"
    assert await refusal(database, token.replace(key_id, "0" * 16)) == "invalid"
    async with database.write() as connection:
        await revoke(connection, key_id=key_id, now=NOW)
    assert await refusal(database, other) == "invalid"


async def test_an_unknown_key_cannot_be_revoked(database: Database) -> None:
    """A typo does not look like success."""
    async with database.write() as connection:
        with pytest.raises(ApiKeyNotFoundError):
            await revoke(connection, key_id="nope", now=NOW)


async def test_it_says_whether_the_acting_user_is_managed(database: Database) -> None:
    """In the same look-up: managed and active people only."""
    _, token = await make(database)
    async with database.write() as connection:
        for user_id, managed in ((LUCIA, True), ("@maria:p", False)):
            await enter_person(connection, user_id, sealer=Sealer(b"k" * 32), now=NOW, managed=managed)
    seen = [
        (await ask(database, token, acting_for=user)).acting_managed
        for user in (LUCIA, "@maria:p", "@nobody:p", None)
    ]
    assert seen == [True, False, False, False]
    async with database.write() as connection:
        await people.deactivate(connection, user_id=LUCIA, now=NOW)
    assert not (await ask(database, token, acting_for=LUCIA)).acting_managed
