"""Calendars over HTTP: what is downloaded, and a feed that is secret and can be revoked."""

from urllib.parse import urlsplit

from icalendar import Calendar
from sqlalchemy import select

from appointments.storage.calendar_feeds import calendar_feeds
from tests.bridge.http.api import GARCIA, LUCIA
from tests.bridge.http.diary import ALL, SECOND, book, put_schedule
from tests.bridge.http.logins import bearer, log_in
from tests.bridge.http.problems import problem

FEED = "/api/calendar"


async def calendar(api, path: str, **options: object) -> tuple[str, list[dict[str, str]], str]:
    """The method, the events' properties, and the text."""
    response = await api.call("GET", path, **options)
    assert (response.status, response.content_type) == (200, "text/calendar")
    text = await response.text()
    read = Calendar.from_ical(text)
    events = [{key: str(value) for key, value in one.items()} for one in read.walk("VEVENT")]
    return str(read["METHOD"]), events, text


async def test_a_download_follows_the_appointment(api) -> None:
    """REQUEST, a greater SEQUENCE after a move, CANCEL in the end; one UID; neither names nor reasons."""
    await put_schedule(api)
    made = await book(api, reason="dolor de espalda")
    path = f"{ALL}/{made['id']}"
    seen = []
    for change in (None, ("PATCH", path, {"start": SECOND}), ("POST", f"{path}/cancel", {})):
        if change is not None:
            assert (await api.call(change[0], change[1], json=change[2])).status == 200
        method, events, text = await calendar(api, f"{path}.ics")
        seen.append((method, events[0]["SEQUENCE"], events[0]["STATUS"], events[0]["UID"]))
        assert "dolor" not in text
        assert "lucia" not in text
        assert "garcia" not in text
    uid = f"{made['id']}@p"
    assert seen == [
        ("REQUEST", "0", "CONFIRMED", uid),
        ("REQUEST", "1", "CONFIRMED", uid),
        ("CANCEL", "2", "CANCELLED", uid),
    ]


async def feed_of(api, headers=None) -> str:
    """The path of a new feed."""
    response = await api.call("POST", FEED, headers=headers or api.headers())
    assert response.status == 201
    return urlsplit((await response.json())["url"]).path


async def test_a_feed_shows_both_what_is_theirs(api) -> None:
    """Without any credentials but the secret, of which only a hash is kept."""
    await put_schedule(api)
    patients, doctors = await feed_of(api), await feed_of(api, bearer(await log_in(api)))
    assert (await calendar(api, patients, headers={}))[:2] == ("PUBLISH", [])
    made = await book(api)
    for path in (patients, doctors):
        method, events, text = await calendar(api, path, headers={})
        assert (method, [event["UID"] for event in events]) == ("PUBLISH", [f"{made['id']}@p"])
        assert "BEGIN:VTIMEZONE" in text
    async with api.services.database.read() as connection:
        rows = (await connection.execute(select(calendar_feeds))).all()
    assert {row.person for row in rows} == {LUCIA, GARCIA}
    assert all(path.encode() not in bytes(row.secret_sha256) for row in rows for path in (patients, doctors))


async def test_a_feed_can_be_replaced_and_revoked(api) -> None:
    """The secret before opens nothing any more; nor does one that never was."""
    first = await feed_of(api)
    second = await feed_of(api)
    assert await problem(await api.call("GET", first, headers={})) == (404, "/problems/not-found")
    assert (await api.call("GET", second, headers={})).status == 200
    assert [(await api.call("DELETE", FEED)).status for _ in range(2)] == [204, 204]
    for path in (second, f"{FEED}/nothing.ics"):
        assert await problem(await api.call("GET", path, headers={})) == (404, "/problems/not-found")
