"""The media repository of the homeserver (client-server API, "Content repository"), streamed both ways."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from bridge.matrix.answers import MediaUploaded
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.transport import client_path, parse_answer, refusal_of

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=120)
_PIECE_BYTES = 256 * 1024
_PATIENCE_S = 60.0
_ANSWERS_WITHIN_S = 120.0
_FIRST_REFUSAL = 300


@dataclass(frozen=True, slots=True)
class Media:
    """A file of the repository; `size` in bytes, if the homeserver says it."""

    size: int | None
    pieces: AsyncIterator[bytes]


class MediaClient:
    """Uploads and downloads as any user of ours. Raises MatrixError and HomeserverUnreachableError.

    A homeserver that takes no piece of an upload for `patience_s` counts as unreachable.
    """

    def __init__(
        self,
        *,
        base_url: str,
        as_token: str,
        http: aiohttp.ClientSession,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {as_token}"}
        self._http = http
        self._patience_s = patience_s

    async def upload(self, *, user_id: str, size: int, pieces: AsyncIterable[bytes]) -> str:
        """Put a file there: its mxc: address. Its name and type are nobody's business.

        Synapse refuses an upload without a length. Sent twice, it is there twice.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        try:
            async with asyncio.timeout(None) as limit:
                data = self._taken(pieces, limit)
                async with self._request(
                    "POST", "/_matrix/media/v3/upload", user_id, headers=headers, data=data
                ) as response:
                    return parse_answer(MediaUploaded, await response.json(content_type=None)).content_uri
        except TimeoutError as error:
            raise HomeserverUnreachableError("POST: nothing is taken") from error

    async def _taken(self, pieces: AsyncIterable[bytes], limit: asyncio.Timeout) -> AsyncIterator[bytes]:
        """The pieces, each of which is to be taken in time; who makes them may take as long as they like."""
        loop = asyncio.get_running_loop()
        async for piece in pieces:
            limit.reschedule(loop.time() + self._patience_s)
            yield piece
            limit.reschedule(None)
        limit.reschedule(loop.time() + _ANSWERS_WITHIN_S)

    @asynccontextmanager
    async def download(self, *, user_id: str, url: str) -> AsyncGenerator[Media]:
        """The file at this mxc: address, from whatever homeserver it is of; as it is, nothing is checked."""
        server, _, media_id = url.removeprefix("mxc://").partition("/")
        path = client_path("media", "download", server, media_id, version="v1")
        async with self._request("GET", path, user_id) as response:
            yield Media(response.content_length, _pieces(response))

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        user_id: str,
        *,
        headers: dict[str, str] | None = None,
        data: AsyncIterable[bytes] | None = None,
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        address = f"{self._base_url}{path}?{urlencode({'user_id': user_id}, quote_via=quote)}"
        try:
            async with self._http.request(
                method,
                URL(address, encoded=True),
                headers={**self._headers, **(headers or {})},
                data=data,
                timeout=_TIMEOUT,
                read_bufsize=_PIECE_BYTES,
            ) as response:
                if response.status >= _FIRST_REFUSAL:
                    raise refusal_of(response.status, response.headers, await response.read())
                yield response
        except MatrixError:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise HomeserverUnreachableError(f"{method}: {type(error).__name__}") from error


async def _pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async for piece in response.content.iter_chunked(_PIECE_BYTES):
        yield piece
