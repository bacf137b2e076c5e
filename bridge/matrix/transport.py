"""Requests to the homeserver and what its answers mean: the only place that opens a connection to it."""

from collections.abc import Mapping
from json import dumps, loads
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from pydantic import BaseModel, ValidationError
from yarl import URL

from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.json import JsonObject

_TIMEOUT_S = 60
CALLERS_S = 15.0
"""For what callers of ours wait for: they, or a proxy before us, give up after a minute.

The slowest honest answers are those about keys of other servers, to which Synapse gives 10 s. Each such request may
be repeated, and what Synapse does after that time was not in vain.
"""

_FIRST_REFUSAL = 300
_AnswerT = TypeVar("_AnswerT", bound=BaseModel)


def client_path(*parts: str, version: str = "v3") -> str:
    """A path of the client-server API; every part is percent-encoded, slashes too."""
    return f"/_matrix/client/{version}/" + "/".join(quote(part, safe="") for part in parts)


def parse_answer(model: type[_AnswerT], answer: JsonObject) -> _AnswerT:
    """The answer as this model. Raises MatrixError (M_BAD_JSON) when it has another shape."""
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        raise MatrixError(
            status=200, errcode="M_BAD_JSON", message=f"the answer is no {model.__name__}"
        ) from error


class Transport:
    """Sends requests with the application service's token, as any of its users (MSC3202's masquerading).

    The token travels in a header, never in an address: addresses are written to logs.
    """

    def __init__(self, *, base_url: str, as_token: str, http: aiohttp.ClientSession) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {as_token}", "Content-Type": "application/json"}
        self._http = http

    async def request(
        self,
        method: str,
        path: str,
        *,
        user_id: str | None = None,
        device_id: str | None = None,
        query: Mapping[str, str] | None = None,
        body: JsonObject | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> JsonObject:
        """The JSON object that the homeserver answers. Nothing is retried here.

        Raises MatrixError when it refuses and HomeserverUnreachableError when no answer came.
        """
        parameters = dict(query or {})
        if user_id is not None:
            parameters["user_id"] = user_id
        if device_id is not None:
            parameters["device_id"] = device_id
        address = f"{self._base_url}{path}" + (f"?{urlencode(parameters)}" if parameters else "")
        answer = await self._answer(method, address, body, timeout_s)
        if isinstance(answer, dict):
            return answer
        raise _not_ours(method, path)

    async def request_list(self, path: str, *, user_id: str) -> list[JsonObject]:
        """The JSON list of objects that is to be read there. Raises as `request` does."""
        address = f"{self._base_url}{path}?{urlencode({'user_id': user_id})}"
        answer = await self._answer("GET", address, None, _TIMEOUT_S)
        if isinstance(answer, list):
            return [item for item in answer if isinstance(item, dict)]
        raise _not_ours("GET", path)

    async def _answer(self, method: str, address: str, body: JsonObject | None, timeout_s: float) -> Any:
        try:
            async with self._http.request(
                method,
                URL(address, encoded=True),
                headers=self._headers,
                data=None if body is None else dumps(body, separators=(",", ":")),
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                answer = _parse(await response.read())
                if response.status < _FIRST_REFUSAL:
                    return answer
                raise _refusal(response.status, response.headers, answer)
        except (aiohttp.ClientError, OSError) as error:  # OSError: time-outs and refused connections
            raise HomeserverUnreachableError(f"{method}: {type(error).__name__}") from error


def _parse(raw: bytes) -> Any:
    try:
        return loads(raw)
    except ValueError:
        return None


def refusal_of(status: int, headers: Mapping[str, str], raw: bytes) -> MatrixError:
    """What a refused request raises."""
    return _refusal(status, headers, _parse(raw))


def _not_ours(method: str, path: str) -> HomeserverUnreachableError:
    return HomeserverUnreachableError(f"{method} {path}: what answered is no homeserver")


def _refusal(status: int, headers: Mapping[str, str], answer: Any) -> MatrixError:
    body = answer if isinstance(answer, dict) else {}
    return MatrixError(
        status=status,
        errcode=str(body.get("errcode", "M_UNKNOWN")),
        message=str(body.get("error", "")),
        retry_after_s=_retry_after_s(headers, body),
    )


def _retry_after_s(headers: Mapping[str, str], body: JsonObject) -> float | None:
    header = headers.get("Retry-After", "")
    if header.isdecimal():
        return float(header)
    milliseconds = body.get("retry_after_ms")
    return milliseconds / 1000 if isinstance(milliseconds, int) and milliseconds >= 0 else None
