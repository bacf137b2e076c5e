"""The application over fakes, and callers whose every answer is held against the OpenAPI document."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient
from jsonschema import Draft202012Validator
from yarl import URL

from appointments.sealing import Sealer
from bridge.callers import apikeys
from bridge.http.fake_attachments import FakeAttachments
from bridge.http.fakes import FakeClinic
from bridge.http.openapi import openapi
from bridge.http.ports import Services
from bridge.http.server import route_table
from bridge.live.notifier import Notifier
from bridge.live.placing import Placing
from bridge.live.streams import Streams
from bridge.openid.fakes import FakeOpenId
from bridge.settings import Settings, parse_settings
from bridge.storage.database import Database
from tests.appointments.relationships import enter_care, enter_representation
from tests.bridge.live.words import FakeWords
from tests.bridge.persons import enter_person

NOW = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
LUCIA, MARIA, GARCIA = "@portal_lucia:p", "@maria:p", "@garcia:h"


def made_up_settings() -> Settings:
    """Settings of a portal `p` that lets people of `h` take part."""
    return parse_settings(
        {
            "secret": "s" * 40,
            "homeserver": {"server_name": "p", "url": "http://127.0.0.1:1", "allowed_servers": ["h"]},
            "appservice": {"url": "http://127.0.0.1:2", "as_token": "a" * 20, "hs_token": "b" * 20},
        },
        source="test",
    )


DOCUMENT = openapi([route for route in route_table() if route.documented], language="en", version="test")


def matches(template: str, path: str) -> bool:
    """Whether this path is one of the template's."""
    pattern = re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(template))
    return re.fullmatch(pattern, path.partition("?")[0]) is not None


@dataclass
class Api:
    """The running application, its fakes, and a caller with every scope acting for Lucía."""

    client: TestClient
    services: Services
    clinic: FakeClinic
    attachments: FakeAttachments
    tokens: dict[str, str] = field(default_factory=dict)
    openid: FakeOpenId = field(default_factory=FakeOpenId)
    words: FakeWords = field(default_factory=FakeWords)
    now: datetime = NOW

    def headers(self, *, key: str = "all", act_as: str | None = LUCIA, **more: str) -> dict[str, str]:
        """The headers of a caller with this key."""
        headers = {"Authorization": f"Bearer {self.tokens[key]}", **more}
        return headers if act_as is None else {**headers, "X-Act-As": act_as}

    async def call(self, method: str, path: str, **options: Any) -> ClientResponse:
        """One request, by default of the caller with every scope; paths are sent as they stand."""
        options.setdefault("headers", self.headers())
        response = await self.client.request(method, URL(path, encoded=True), **options)
        await self.check_documented(method, path, response)
        return response

    async def check_documented(self, method: str, path: str, response: ClientResponse) -> None:
        """The answer's status, media type and body are what the OpenAPI document says."""
        paths = [known for known in DOCUMENT["paths"] if matches(known, path)]
        if not paths or response.status == 500:
            return
        operation = DOCUMENT["paths"][paths[0]].get(method.lower())
        if operation is None:
            return
        documented = operation["responses"][str(response.status)]
        if "content" in documented:
            kinds = documented["content"]
            schema = kinds.get(response.content_type, kinds.get("*/*"))["schema"]
            if "json" in response.content_type:
                rooted = {**schema, "components": DOCUMENT["components"]}
                Draft202012Validator(rooted).validate(await response.json(content_type=None))

    async def send(self, *, headers: dict[str, str] | None = None, **body: Any) -> ClientResponse:
        """POST /api/messages/send, by default `hola` to the professional."""
        if not body.keys() & {"recipient", "conversation_id"}:
            body["recipient"] = GARCIA
        body.setdefault("body", "hola")
        return await self.call("POST", "/api/messages/send", json=body, headers=headers or self.headers())

    async def start_care(
        self, patient: str, *, starts: datetime | None = None, ends: datetime | None = None
    ) -> None:
        """García cares for this patient, by default from now on."""
        async with self.services.database.write() as connection:
            await enter_care(connection, patient, GARCIA, now=self.now, starts=starts or self.now, ends=ends)

    async def start_representation(self, patient: str, *, representative: str, scope: str) -> None:
        """From now on somebody may do this for the patient."""
        async with self.services.database.write() as connection:
            await enter_representation(connection, patient, representative, scope, now=self.now)


async def populate(database: Database, sealer: Sealer) -> dict[str, str]:
    """Lucía (managed) and María (own client); keys by name."""
    tokens = {}
    async with database.write() as connection:
        for user_id, managed in ((LUCIA, True), (MARIA, False)):
            await enter_person(connection, user_id, sealer=sealer, now=NOW, managed=managed)
        await enter_care(connection, LUCIA, GARCIA, now=NOW)
        for name, scopes, expires in (
            ("all", ["messages", "care", "appointments"], None),
            ("care", ["care"], None),
            ("messages", ["messages"], None),
            ("expired", ["messages"], NOW),
            ("revoked", ["messages"], None),
        ):
            key, tokens[name] = await apikeys.create(
                connection, name=name, scopes=scopes, expires_at=expires, now=NOW - timedelta(hours=1)
            )
            if name == "revoked":
                await apikeys.revoke(connection, key_id=key.id, now=NOW)
    return tokens


def live(database: Database, words: FakeWords, now: Callable[[], datetime]) -> Streams:
    """What streams read from; the notifier is started by the tests that need it."""
    placing = Placing(database=database, portal_server="p", now=now)
    notifier = Notifier(database=database, placing=placing)
    return Streams(database=database, notifier=notifier, words=words, now=now)
