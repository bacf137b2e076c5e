"""An API over fakes: a managed patient with a professional, and another person of each kind."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from appointments.sealing import Sealer
from bridge.http.fake_attachments import FakeAttachments
from bridge.http.fakes import FakeClinic, FakeConversations, FakeMessages, FakeReadMarks
from bridge.http.limits import LoginLimits, RequestLimits
from bridge.http.ports import Services
from bridge.http.server import build_app
from bridge.storage.database import Database
from tests.bridge.http.api import GARCIA, LUCIA, NOW, Api, live, made_up_settings, populate
from tests.bridge.http.diary import put_schedule


@pytest.fixture
async def open_api() -> AsyncIterator[Callable[..., Any]]:
    """Opens an API on a database; `changes` are fields of its Services."""
    opened: list[TestClient] = []

    async def open_on(database: Database, tokens: dict[str, str], **changes: Any) -> Api:
        api = Api(client=None, services=None, clinic=None, attachments=None, tokens=tokens)
        api.clinic = FakeClinic(now=lambda: api.now, care={(LUCIA, GARCIA)})
        api.attachments = FakeAttachments(api.clinic, made_up_settings().attachments)
        services = Services(
            database=database,
            messages=FakeMessages(api.clinic),
            read_marks=FakeReadMarks(api.clinic),
            live=live(database, api.words, lambda: api.now),
            conversations=FakeConversations(api.clinic),
            uploads=api.attachments,
            downloads=api.attachments,
            settings=made_up_settings(),
            sealer=Sealer(b"k" * 32),
            openid=api.openid,
            logins=LoginLimits(
                made_up_settings().sessions, clock=lambda: api.now.timestamp() - NOW.timestamp()
            ),
            requests=RequestLimits(
                made_up_settings().limits, clock=lambda: api.now.timestamp() - NOW.timestamp()
            ),
            now=lambda: api.now,
            instance_id="one",
        )
        api.services = replace(services, **changes)
        api.client = TestClient(TestServer(build_app(api.services)))
        opened.append(api.client)
        await api.client.start_server()
        return api

    yield open_on
    for client in opened:
        await client.close()


@pytest.fixture
async def api(sqlite_database: Database, open_api: Callable[..., Any]) -> Api:
    """The API over fakes on SQLite."""
    return await open_api(sqlite_database, await populate(sqlite_database, Sealer(b"k" * 32)))


@pytest.fixture
async def api_on_each(database: Database, open_api: Callable[..., Any]) -> Api:
    """The API over fakes on each kind of database."""
    return await open_api(database, await populate(database, Sealer(b"k" * 32)))


@pytest.fixture
async def open_clinic(api):
    """The API with García's schedule entered."""
    assert (await put_schedule(api)).status == 201
    return api
