"""bridge/callers/sessions.py: what a token opens, for how long, and what ends it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from appointments.sealing import Sealer
from bridge.callers import apikeys, sessions
from bridge.errors import BadCredentialsError
from bridge.people import people
from bridge.storage.sessions import sessions as table
from tests.bridge.persons import enter_person

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
LUCIA, MARIA = "@portal_lucia:p", "@maria:p"


async def person(connection, *, managed: bool, user_id: str) -> None:
    """Enter a person."""
    await enter_person(connection, user_id, sealer=Sealer(b"k" * 32), now=NOW, managed=managed)


async def own(database, *, openid_token: str = "openid", user_id: str = MARIA) -> str:  # noqa: S107 - made up
    """The token of a new session of her own."""
    async with database.write() as connection:
        made = await sessions.create_own(
            connection, user_id=user_id, openid_token=openid_token, ttl=HOUR, now=NOW
        )
    return made.token


async def managed(database, *, key_expires_at: datetime | None = None) -> tuple[str, str]:
    """The token of a new session of a managed user's browser, and the id of the key that made it."""
    async with database.write() as connection:
        await person(connection, managed=True, user_id=LUCIA)
        key, _ = await apikeys.create(
            connection, name="k", scopes=["messages", "video"], expires_at=key_expires_at, now=NOW
        )
        made = await sessions.create_managed(connection, user_id=LUCIA, key_id=key.id, ttl=HOUR, now=NOW)
    return made.token, key.id


async def whose(database, token: str, *, at: datetime = NOW) -> sessions.Session | str:
    """The session of this token, or why there is none."""
    try:
        async with database.read() as connection:
            return await sessions.authenticate(connection, token=token, now=at)
    except BadCredentialsError as error:
        return error.reason


async def test_a_session_is_its_persons(database) -> None:
    """Both kinds, with what they may do; the token itself is stored nowhere."""
    mine, (hers, _) = await own(database), await managed(database)
    assert await whose(database, mine) == sessions.Session(MARIA, "own", NOW + HOUR)
    assert await whose(database, hers) == sessions.Session(
        LUCIA, "managed", NOW + HOUR, frozenset({"messages", "video"})
    )
    async with database.read() as connection:
        rows = (await connection.execute(select(table))).all()
    stored = repr(rows)
    assert len(rows) == 2
    for secret in (mine, mine.removeprefix("vs_"), hers, "'openid'"):
        assert secret not in stored


async def test_every_token_is_another(database) -> None:
    """The same OpenID token may be used twice while it lives (a page that is loaded again)."""
    first, second = await own(database), await own(database)
    assert first != second
    assert (await whose(database, first)) == (await whose(database, second))


@pytest.mark.parametrize(
    "token",
    ["", "vs_", "vs_" + "x" * 43, "vs_" + "x" * 44, "vc_0011223344556677_" + "x" * 43, "vs_" + "ñ" * 43],
)
async def test_other_tokens_open_nothing(database, token) -> None:
    """Made up ones, too long, too short, of another kind."""
    await own(database)
    assert await whose(database, token) == "invalid"


async def test_a_session_ends_with_its_time(database) -> None:
    """At the instant that it said."""
    token = await own(database)
    assert await whose(database, token, at=NOW + HOUR - timedelta(microseconds=1)) != "expired"
    assert await whose(database, token, at=NOW + HOUR) == "expired"


async def test_a_revoked_session_opens_nothing(database) -> None:
    """That one only; revoking may be repeated."""
    first, second = await own(database, openid_token="a"), await own(database, openid_token="b")
    for _ in range(2):
        async with database.write() as connection:
            await sessions.revoke(connection, token=first, now=NOW)
    assert await whose(database, first) == "revoked"
    assert isinstance(await whose(database, second), sessions.Session)


async def test_after_logging_out_the_openid_token_is_used_up(database) -> None:
    """Replay: whoever copied it (a log, a widget) can't come back with it. A new one is fine."""
    token = await own(database)
    async with database.write() as connection:
        await sessions.revoke(connection, token=token, now=NOW)
    with pytest.raises(BadCredentialsError, match="revoked"):
        await own(database)
    assert isinstance(await whose(database, await own(database, openid_token="new")), sessions.Session)


async def test_all_sessions_of_a_person_end_at_once(database) -> None:
    """Somebody who left; others' sessions stay, and it may be repeated."""
    tokens = [await own(database, openid_token=str(number)) for number in range(3)]
    other, _ = await managed(database)
    async with database.write() as connection:
        assert await sessions.revoke_all(connection, MARIA, NOW) == 3
        assert await sessions.revoke_all(connection, MARIA, NOW) == 0
    assert [await whose(database, token) for token in tokens] == ["revoked"] * 3
    assert isinstance(await whose(database, other), sessions.Session)


async def test_a_revoked_key_takes_its_sessions_along(database) -> None:
    """A stolen key is made harmless in one step."""
    token, key_id = await managed(database)
    async with database.write() as connection:
        await apikeys.revoke(connection, key_id=key_id, now=NOW)
    assert await whose(database, token) == "revoked"


async def test_an_expired_key_takes_its_sessions_along(database) -> None:
    """A session gives nothing that its key would not give."""
    token, _ = await managed(database, key_expires_at=NOW + HOUR / 2)
    assert isinstance(await whose(database, token), sessions.Session)
    assert await whose(database, token, at=NOW + HOUR / 2) == "revoked"


async def test_a_taken_over_account_leaves_the_browser_session(database) -> None:
    """Once the person has a client of their own, we act for them no more."""
    token, _ = await managed(database)
    async with database.write() as connection:
        await person(connection, managed=False, user_id=LUCIA)
    assert await whose(database, token) == "revoked"


async def test_deactivated_people_have_no_sessions(database) -> None:
    """Neither the ones they had, of either kind, nor new ones."""
    async with database.write() as connection:
        await person(connection, managed=False, user_id=MARIA)
    mine, (hers, _) = await own(database), await managed(database)
    async with database.write() as connection:
        await people.deactivate(connection, user_id=MARIA, now=NOW)
        await people.deactivate(connection, user_id=LUCIA, now=NOW)
    assert [await whose(database, token) for token in (mine, hers)] == ["revoked", "revoked"]
    with pytest.raises(BadCredentialsError, match="revoked"):
        await own(database, openid_token="new")


async def test_what_ended_is_forgotten_a_day_later(database) -> None:
    """Not before: a revoked OpenID token must not come back while its homeserver still knows it."""
    token = await own(database)
    day = timedelta(days=1)
    for at, forgotten in ((NOW, 0), (NOW + HOUR + day - timedelta(seconds=1), 0), (NOW + HOUR + day, 1)):
        async with database.write() as connection:
            assert await sessions.prune(connection, now=at) == forgotten
    assert await whose(database, token) == "invalid"
