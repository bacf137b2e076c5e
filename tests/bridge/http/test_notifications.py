"""How people want to be told, over HTTP, and the link that ends mails."""

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from appointments.quiet_hours import QuietHours
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.notifications.mail import unsubscribe_token
from tests.bridge.http.api import LUCIA

PREFERENCES = "/api/notifications/preferences"
WANTED = {
    "email": {"address": "lucia@example.org", "enabled": True},
    "push": {"enabled": False},
    "language": "en",
    "delay_minutes": 10,
    "quiet_hours": {"start": "22:00", "end": "08:00", "timezone": "Europe/Madrid"},
    "reminders": {"enabled": True, "minutes_before": [1440, 60]},
}


async def test_what_she_said_is_what_she_gets(api) -> None:
    """Before she said anything the defaults, without e-mail; all of it is replaced at once."""
    first = await (await api.call("GET", PREFERENCES)).json()
    assert (first["email"], first["delay_minutes"]) == ({"address": None, "enabled": False}, 5)
    assert (first["quiet_hours"], first["language"]) == (None, "es")
    for said in (WANTED, first):
        answer = await api.call("PUT", PREFERENCES, json=said)
        assert (answer.status, await answer.json()) == (200, said)
        assert await (await api.call("GET", PREFERENCES)).json() == said


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"email": {"address": "lucia", "enabled": True}}, "#/email/address"),
        ({"email": {"address": "a@b.example\r\nBcc: x@y.example", "enabled": True}}, "#/email/address"),
        ({"email": {"enabled": True}}, "#/email"),
        ({"delay_minutes": -1}, "#/delay_minutes"),
        ({"quiet_hours": {**WANTED["quiet_hours"], "timezone": "Europe/Atlantis"}}, "#/quiet_hours/timezone"),
        ({"quiet_hours": {**WANTED["quiet_hours"], "start": "24:00"}}, "#/quiet_hours/start"),
        ({"quiet_hours": {**WANTED["quiet_hours"], "start": "08:00"}}, "#/quiet_hours/end"),
        ({"reminders": {"minutes_before": [0]}}, "#/reminders/minutes_before/0"),
        ({"telephone": "1"}, "#/telephone"),
    ],
)
async def test_what_makes_no_sense_is_refused(api, changes, pointer) -> None:
    """422 that points at it."""
    answer = await api.call("PUT", PREFERENCES, json=WANTED | changes)
    assert answer.status == 422
    assert [error["pointer"] for error in (await answer.json())["errors"]] == [pointer]


@pytest.mark.parametrize(("language", "word"), [("es", "silencio"), ("en", "quiet hours")])
async def test_quiet_for_ever_is_refused(api, language, word) -> None:
    """In words that say what to do, in both languages; what was stored before this was refused is never quiet."""
    same = {"start": "08:00", "end": "08:00", "timezone": "Europe/Madrid"}
    answer = await api.call(
        "PUT",
        PREFERENCES,
        json=WANTED | {"quiet_hours": same},
        headers=api.headers(**{"Accept-Language": language}),
    )
    (error,) = (await answer.json())["errors"]
    assert (answer.status, error["pointer"]) == (422, "#/quiet_hours/end")
    assert word in error["detail"]
    stored = Preferences(quiet_hours=QuietHours(time(8), time(8), ZoneInfo("Europe/Madrid")))
    async with api.services.database.write() as connection:
        await preferences.put(
            connection, stored, sealer=api.services.sealer, person=LUCIA, now=api.services.now()
        )
    assert (await (await api.call("GET", PREFERENCES)).json())["quiet_hours"] is None


async def test_the_link_of_a_mail(api) -> None:
    """No login: looking changes nothing, one POST ends mails (RFC 8058) and nothing else; in her language."""
    await api.call("PUT", PREFERENCES, json=WANTED)
    path = f"/api/notifications/unsubscribe/{unsubscribe_token(LUCIA, sealer=api.services.sealer)}"
    page = await api.client.get(path, headers={"Accept-Language": "es"})
    assert (page.status, page.content_type) == (200, "text/html")
    assert "No recibir más" in await page.text()
    assert await _email(api)
    for _ in range(2):
        one_click = await api.client.post(path, data={"List-Unsubscribe": "One-Click"})
        assert one_click.status == 200
    assert not await _email(api)
    assert (await (await api.call("GET", PREFERENCES)).json())["quiet_hours"] == WANTED["quiet_hours"]


async def test_a_page_stays_a_page_when_it_is_asked_for_again(api) -> None:
    """With the same Idempotency-Key: its kind and its policy too."""
    path = f"/api/notifications/unsubscribe/{unsubscribe_token(LUCIA, sealer=api.services.sealer)}"
    for _ in range(2):
        page = await api.client.post(path, headers={"Idempotency-Key": "again"})
        assert (page.status, page.content_type) == (200, "text/html")
        assert "Content-Security-Policy" in page.headers


@pytest.mark.parametrize("token", ["made-up", "A" * 80, "%C3%B1"])
async def test_a_made_up_link(api, token) -> None:
    """404 for both, as a page for people: a mail program may have cut the link off."""
    path = f"/api/notifications/unsubscribe/{token}"
    for method in ("GET", "POST"):
        for language, word in (("es", "enlace"), ("en", "link")):
            page = await api.call(method, path, headers={"Accept-Language": language})
            assert (page.status, page.content_type) == (404, "text/html")
            text = await page.text()
            assert f'<html lang="{language}">' in text
            assert word in text
            assert "<form" not in text


async def _email(api) -> bool:
    async with api.services.database.read() as connection:
        wanted = await preferences.get(connection, sealer=api.services.sealer, person=LUCIA)
    return wanted is not None and wanted.email
