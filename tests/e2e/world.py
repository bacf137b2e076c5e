"""People for one test: fresh accounts on the shared servers, and the REST API as an integrator sees it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from bridge.demo.platform import LocalPlatform
from tests.e2e.clinic import PASSWORD, open_clinic

T = TypeVar("T")

__all__ = ["PASSWORD", "Answer", "Api", "Pair", "another_patient", "eventually", "pair"]


async def eventually(
    ask: Callable[[], Awaitable[T]], *, until: Callable[[T], bool], within_s: float = 30.0
) -> T:
    """What `ask` gives as soon as it is as awaited. Raises AssertionError with the last answer when it never is."""
    deadline = time.monotonic() + within_s
    while not until(value := await ask()):
        assert time.monotonic() < deadline, f"still not as awaited after {within_s} s: {value!r}"
        await asyncio.sleep(0.1)
    return value


@dataclass(frozen=True)
class Answer:
    """A response: status, parsed body, headers."""

    status: int
    body: Any
    headers: dict[str, str]


class Api:
    """The REST API with an integrator's key, acting for one managed user."""

    def __init__(self, *, url: str, key: str, acting_for: str, http: aiohttp.ClientSession) -> None:
        self.acting_for = acting_for
        self.key = key
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "X-Act-As": acting_for}
        self._http = http

    async def request(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> Answer:
        """Any request; a header of None is left out."""
        merged = {**self._headers, **(headers or {})}
        async with self._http.request(method, f"{self._url}{path}", headers=merged, **options) as response:
            is_json = "json" in response.headers.get("Content-Type", "")
            body = await response.json(content_type=None) if is_json else await response.text()
            return Answer(response.status, body, dict(response.headers))

    async def download(self, path: str, **headers: str) -> AsyncIterator[bytes]:
        """The pieces of a file, or of the part of it that was asked for."""
        async with self._http.get(f"{self._url}{path}", headers={**self._headers, **headers}) as response:
            assert response.status == (206 if "Range" in headers else 200), await response.text()
            async for piece in response.content.iter_chunked(1 << 18):
                yield piece

    async def send(self, body: str, *, key: str | None = None, **target: str) -> dict[str, Any]:
        """Send a message to `recipient` or `conversation_id`; the answer to 201."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.request(
            "POST", "/api/messages/send", headers=headers, json={"body": body, **target}
        )
        assert answer.status == 201, answer
        sent: dict[str, Any] = answer.body
        return sent

    async def history(self, conversation_id: str, *, page: int = 50) -> list[dict[str, Any]]:
        """Every message of the conversation, newest first, read page by page."""
        messages: list[dict[str, Any]] = []
        query: dict[str, str] = {"limit": str(page)}
        while True:
            path = f"/api/messages/conversation/{conversation_id.replace('!', '%21')}"
            answer = await self.request("GET", path, params=query)
            assert answer.status == 200, answer
            messages += answer.body["messages"]
            if answer.body["next"] is None:
                return messages
            query["before"] = answer.body["next"]


@dataclass(frozen=True)
class Pair:
    """A managed patient and a professional who cares for her and has never logged in."""

    patient: str
    professional: str
    professional_name: str
    api: Api


@asynccontextmanager
async def another_patient(platform: LocalPlatform, professional: str) -> AsyncGenerator[Api]:
    """A managed patient of this professional's: the REST API, acting for her."""
    clinic = await open_clinic(platform)
    patient = await clinic.managed_user()
    await clinic.care(patient=patient, professional=professional)
    async with aiohttp.ClientSession() as http:
        yield Api(url=platform.bridge.api_url, key=clinic.api_key, acting_for=patient, http=http)


@asynccontextmanager
async def pair(platform: LocalPlatform) -> AsyncGenerator[Pair]:
    """Make both, with a key to act for the patient. The professional's password is PASSWORD."""
    clinic = await open_clinic(platform)
    patient, professional = await clinic.pair()
    async with aiohttp.ClientSession() as http:
        api = Api(url=platform.bridge.api_url, key=clinic.api_key, acting_for=patient, http=http)
        name = professional[1:].partition(":")[0]
        yield Pair(patient=patient, professional=professional, professional_name=name, api=api)
