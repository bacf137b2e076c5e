"""Schedules and free slots over HTTP."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots.i18n import LANGUAGES
from bridge.http.schedule_models import ScheduleModel
from tests.bridge.http.api import GARCIA, LUCIA, MARIA
from tests.bridge.http.diary import SCHEDULE, SLOTS, WEEK, put_schedule, starts
from tests.bridge.http.logins import bearer, log_in, log_in_browser
from tests.bridge.http.problems import problem
from tests.bridge.http.schemas import accepts, validator


async def test_a_schedule_is_entered_read_and_replaced(api) -> None:
    """201 the first time, 200 after; what was left out is said."""
    response = await put_schedule(api)
    assert response.status == 201
    entered = await response.json()
    assert entered == {
        "zone": "Europe/Madrid",
        "weekly": {**WEEK, "saturday": [], "sunday": []},
        "exceptions": [],
        "visit_types": [
            {
                "name": "visit",
                "length_min": 20,
                "buffer_before_min": 0,
                "buffer_after_min": 0,
                "notice_min": 0,
                "horizon_days": 90,
            }
        ],
        "holidays": None,
        "answer_min": 60,
    }
    more = {
        "exceptions": [{"date": "2026-12-24", "hours": [{"from": "22:00", "until": "24:00"}]}],
        "visit_types": [{"name": "long", "length_min": 60, "notice_min": 120}],
        "holidays": {"country": "ES", "subdivision": "MD"},
    }
    response = await put_schedule(api, **more)
    assert response.status == 200
    read = await (await api.call("GET", SCHEDULE, headers=api.headers(act_as=None))).json()
    assert read == await response.json()
    assert read["exceptions"] == more["exceptions"]
    assert read["holidays"] == more["holidays"]


async def test_exceptions_holidays_and_notice_show_in_the_slots(api) -> None:
    """The sixth of December is a holiday in Spain, in 2026 on the Sunday; the eighth is one too."""
    await put_schedule(
        api,
        exceptions=[{"date": "2026-11-23", "hours": []}],
        visit_types=[{"length_min": 60, "notice_min": 1440}, {"name": "short", "length_min": 10}],
        holidays={"country": "ES"},
    )
    assert (await starts(api))[0] == "2026-11-24T10:00:00.000Z"
    assert (await starts(api, query="visit_type=short&limit=1")) == ["2026-11-24T08:00:00.000Z"]
    december = "from=2026-12-08T00:00:00Z&to=2026-12-10T00:00:00Z&limit=500"
    assert {start[:10] for start in await starts(api, query=december)} == {"2026-12-09"}


async def test_an_unknown_kind_of_visit_is_told_which_there_are(api) -> None:
    """422 with their names, in the caller's language, whether slots are looked for or booked."""
    await put_schedule(api, visit_types=[{"name": "first"}, {"name": "short", "length_min": 10}])
    wanted = {"professional": GARCIA, "start": "2026-11-23T09:20:00Z", "visit_type": "surgery"}
    for language in LANGUAGES:
        headers = api.headers(**{"Accept-Language": language})
        for response, place in (
            (await api.call("GET", f"{SLOTS}?visit_type=surgery", headers=headers), "parameter"),
            (await api.call("GET", "/api/slots?visit_type=surgery", headers=headers), "parameter"),
            (await api.call("POST", "/api/appointments", json=wanted, headers=headers), "pointer"),
        ):
            assert await problem(response) == (422, "/problems/validation")
            (wrong,) = (await response.json(content_type=None))["errors"]
            assert wrong[place].endswith("visit_type")
            assert wrong["detail"].endswith(": first, short.")


async def test_who_keeps_a_schedule(api) -> None:
    """Integrators anybody's, professionals their own, nobody else any: 404; managed users' sessions: 403."""
    body = {"zone": "Europe/Madrid", "weekly": WEEK}
    own, other = bearer(await log_in(api)), bearer(await log_in(api, user_id=MARIA))
    browser = bearer((await log_in_browser(api))["token"])
    for headers, refused in (
        (own, None),
        (other, (404, "/problems/not-found")),
        (browser, (403, "/problems/missing-scope")),
        (api.headers(key="care", act_as=None), (403, "/problems/missing-scope")),
    ):
        for method, options in (("PUT", {"json": body}), ("GET", {})):
            response = await api.call(method, SCHEDULE, headers=headers, **options)
            if refused is None:
                assert response.status in (200, 201)
            else:
                assert await problem(response) == refused
    for nobody in ("@doctor:elsewhere.example", "@asistente:p"):
        path = f"/api/professionals/{nobody}/schedule"
        response = await api.call("PUT", path, json=body, headers=api.headers(act_as=None))
        assert await problem(response) == (422, "/problems/validation")
    response = await api.call("GET", "/api/professionals/@lopez:h/schedule", headers=api.headers(act_as=None))
    assert await problem(response) == (404, "/problems/not-found")


async def test_who_sees_what_is_free(api) -> None:
    """People in care, the professional herself, and integrators that act for nobody."""
    await put_schedule(api)
    for headers in (
        api.headers(),
        api.headers(act_as=None),
        bearer(await log_in(api)),
        bearer((await log_in_browser(api))["token"]),
    ):
        assert len(await starts(api, headers)) == 3
    response = await api.call("GET", SLOTS, headers=api.headers(act_as=MARIA))
    assert await problem(response) == (403, "/problems/not-managed")


BODY = {"zone": "Europe/Madrid", "weekly": WEEK}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"zone": "Europe/Atlantis"}, "#/zone"),
        ({"weekly": {"monday": [{"from": "10:00", "until": "09:00"}]}}, "#/weekly"),
        ({"weekly": {"monday": [{"from": "10", "until": "11:00"}]}}, "#/weekly/monday/0/from"),
        ({"weekly": {"monday": [{"from": "10:00", "until": "00:00"}]}}, "#/weekly/monday/0/until"),
        ({"weekly": {"lunes": []}}, "#/weekly/lunes"),
        ({"exceptions": [{"date": "2026-02-30"}]}, "#/exceptions/0/date"),
        ({"visit_types": []}, "#/visit_types"),
        ({"visit_types": [{}, {}]}, "#/visit_types"),
        ({"visit_types": [{"length_min": 0}]}, "#/visit_types/0/length_min"),
        ({"visit_types": [{"name": "A b"}]}, "#/visit_types/0/name"),
        ({"holidays": {"country": "XX"}}, "#/holidays"),
    ],
)
async def test_what_is_wrong_is_pointed_at(api, change, pointer) -> None:
    """422 with a text in the caller's language, and no schedule."""
    response = await put_schedule(api, **change)
    assert await problem(response) == (422, "/problems/validation")
    errors = (await response.json(content_type=None))["errors"]
    assert [error["pointer"] for error in errors] == [pointer]
    assert errors[0]["detail"]
    assert (await api.call("GET", SCHEDULE, headers=api.headers(act_as=None))).status == 404


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"weekly": {}},
        {"weekly": {"sunday": [{"from": "00:00", "until": "24:00"}]}},
        {"weekly": {"sunday": [{"from": "24:00", "until": "24:00"}]}},
        {"exceptions": [{"date": "2026-12-24"}]},
        {"exceptions": [{"date": "24/12/2026"}]},
        {"visit_types": [{"name": "x" * 33}]},
        {"answer_min": 0},
        {"holidays": None},
        {"extra": 1},
    ],
)
def test_the_schema_of_a_schedule_is_what_the_server_takes(change) -> None:
    """Neither stricter nor laxer."""
    assert validator("ScheduleModel").is_valid(BODY | change) == accepts(ScheduleModel, BODY | change)


async def test_nothing_is_free_without_a_schedule(api) -> None:
    """An empty list; booking says why."""
    assert await starts(api) == []
    body = {"professional": GARCIA, "start": "2026-11-23T09:20:00Z", "patient": LUCIA}
    response = await api.call("POST", "/api/appointments", json=body)
    assert await problem(response) == (422, "/problems/slot-not-offered")


async def test_the_guide_is_right(api) -> None:
    """What docs/integrators.md enters is taken, and then the times of its examples are free."""
    guide = (Path(__file__).parents[3] / "docs" / "integrators.md").read_text(encoding="utf-8")
    body = json.loads(re.search(r"-d '({\"zone\".*?)'\n", guide, re.DOTALL)[1])
    assert (await put_schedule(api, **body)).status == 201
    api.now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert (await starts(api, query="limit=2")) == ["2026-11-30T08:00:00.000Z", "2026-11-30T08:25:00.000Z"]


async def test_slots_with_any_of_her_professionals(api) -> None:
    """In order, each with whom; nobody's without care, nor those of whoever has ended it."""
    await put_schedule(api)
    other = "@lopez:h"
    path = f"/api/professionals/{other}/schedule"
    body = {"zone": "Europe/Madrid", "weekly": WEEK}
    assert (await api.call("PUT", path, json=body, headers=api.headers(act_as=None))).status == 201
    found = (await (await api.call("GET", "/api/slots?limit=2")).json())["slots"]
    assert {one["professional"] for one in found} == {GARCIA}
    care = f"/api/care/{LUCIA}/{other}"
    assert (await api.call("PUT", care, json={"role": "gp"}, headers=api.headers(act_as=None))).status < 300
    found = (await (await api.call("GET", "/api/slots?limit=4")).json())["slots"]
    assert [(one["start"][11:16], one["professional"]) for one in found] == [
        ("09:20", GARCIA),
        ("09:20", other),
        ("09:40", GARCIA),
        ("09:40", other),
    ]
    stranger = bearer(await log_in(api, user_id=MARIA))
    assert await (await api.call("GET", "/api/slots", headers=stranger)).json() == {"slots": []}
    assert (await api.call("GET", "/api/slots", headers=api.headers(act_as=None))).status == 400
