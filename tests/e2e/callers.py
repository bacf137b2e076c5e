"""Callers with credentials of every kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.e2e.raw_client import RawClient


@dataclass(frozen=True)
class Callers:
    """Everybody who calls, and where."""

    http: aiohttp.ClientSession
    key: str
    weak: Mapping[str, str]
    client: RawClient
    names: Mapping[str, str]

    async def headers(self, who: str, *, scope: str | None) -> dict[str, str]:
        """The credentials of this kind; sessions are new ones, so that ending one harms no other test."""
        patient, other = self.names["patient"], self.names["other"]
        key = {"Authorization": f"Bearer {self.key}"}
        if who == "key without scope":
            weak = self.weak["care" if scope == "messages" else "messages"]
            return {"Authorization": f"Bearer {weak}", "X-Act-As": patient}
        known: dict[str, dict[str, str]] = {
            "nobody": {},
            "garbage": {"Authorization": "Bearer vc_0123456789abcdef_x", "X-Act-As": patient},
            "made-up session": {"Authorization": f"Bearer vs_{'a' * 43}"},
            "key for nobody": key,
            "key for a person with a client": key | {"X-Act-As": self.client.user_id},
            "key for somebody unknown": key | {"X-Act-As": f"{patient.partition(':')[0]}x:localhost"},
            "key": key | {"X-Act-As": patient},
        }
        if who in known:
            return known[who]
        token = await (self._browser() if who.startswith("browser") else self._own())
        return {"Authorization": f"Bearer {token}"} | ({"X-Act-As": other} if "another" in who else {})

    async def _browser(self) -> str:
        headers = {"Authorization": f"Bearer {self.key}", "X-Act-As": self.names["patient"]}
        _, made, _ = await self.call("POST", "/api/session", headers, {"ttl_s": 60})
        return str(made["token"])

    async def _own(self) -> str:
        path = f"/user/{self.client.user_id}/openid/request_token"
        openid = (await self.client.request("POST", path, {})).body
        _, made, _ = await self.call("POST", "/api/session", {}, openid)
        return str(made["token"])

    async def call(
        self, method: str, path: str, headers: Mapping[str, str], body: Any = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON, and the headers that tell something."""
        options = {} if body is None else {"json": body}
        if body is not None and "file" in body:
            options = {"data": aiohttp.FormData(body, default_to_multipart=True)}
        async with self.http.request(method, path, headers=headers, **options) as response:
            told = {
                name: value for name, value in response.headers.items() if name.lower() not in _ALWAYS_NEW
            }
            is_json = "json" in response.headers.get("Content-Type", "")
            read = await response.json(content_type=None) if is_json else None
            return response.status, read, told


_ALWAYS_NEW = ("x-request-id", "date")
