"""What it costs to send a file through the API, encrypted, beside the same bytes through the raw media repository."""

import io
import os
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any
from urllib.parse import quote

import aiohttp

from benchmarks.clinic import Clinic, Consult
from benchmarks.rounds import quiet
from benchmarks.table import Row, at_least

_BYTES = 20 * 1024 * 1024
_BAR = at_least(0.8)
_PIECE = 1 << 18

Transfer = Callable[[], Awaitable[float]]


async def measure(clinic: Clinic, *, room: Consult, rounds: int) -> list[Row]:
    """Rows for uploads and downloads of 20 MiB, in alternating rounds."""
    file = bytes(128) + b"DICM" + os.urandom(_BYTES - 132)
    kept: dict[str, str] = {}
    upload, raw_upload = _uploads(clinic, room, file, kept)
    download, raw_download = _downloads(clinic, room, kept)
    for transfer in (upload, raw_upload, download, raw_download):  # what is done once is done
        await transfer()
    await quiet(*clinic.pids)
    return [
        _row("upload of 20 MiB, one at a time", await _in_turns(upload, raw_upload, rounds)),
        _row("download of 20 MiB, one at a time", await _in_turns(download, raw_download, rounds)),
    ]


async def _in_turns(ours: Transfer, raw: Transfer, rounds: int) -> list[tuple[float, float]]:
    seconds = []
    for number in range(rounds):
        if number % 2:
            theirs = await raw()
            seconds.append((await ours(), theirs))
        else:
            our = await ours()
            seconds.append((our, await raw()))
    return seconds


def _row(name: str, seconds: list[tuple[float, float]]) -> Row:
    ours, theirs = (_BYTES / 1e6 / median(column) for column in zip(*seconds, strict=True))
    return Row(
        name=name,
        measured=f"{ours:.0f} MB/s",
        peer=f"raw media repository {theirs:.0f} MB/s",
        ratio=median(their / our for our, their in seconds),
        bar=_BAR,
    )


def _uploads(clinic: Clinic, room: Consult, file: bytes, kept: dict[str, str]) -> tuple[Transfer, Transfer]:
    async def upload() -> float:
        address, options = clinic.api("/api/messages/upload-attachment", patient=room.patient)
        form = aiohttp.FormData()
        form.add_field("conversation_id", room.room_id)
        form.add_field("file", io.BytesIO(file), filename="a.dcm")
        seconds, answer = await _timed(clinic, "POST", address, {**options, "data": form})
        kept["id"] = answer["attachment_id"]
        return seconds

    async def raw() -> float:
        address, options = _media(clinic, room, "/_matrix/media/v3/upload")
        seconds, answer = await _timed(clinic, "POST", address, {**options, "data": io.BytesIO(file)})
        kept["url"] = answer["content_uri"].removeprefix("mxc://")
        return seconds

    return upload, raw


def _downloads(clinic: Clinic, room: Consult, kept: dict[str, str]) -> tuple[Transfer, Transfer]:
    async def download() -> float:
        path = f"/api/messages/attachment/{quote(kept['id'])}"
        address, options = clinic.api(path, patient=room.patient)
        return await _read(clinic, address, options)

    async def raw() -> float:
        address, options = _media(clinic, room, f"/_matrix/client/v1/media/download/{kept['url']}")
        return await _read(clinic, address, options)

    return download, raw


def _media(clinic: Clinic, room: Consult, path: str) -> tuple[str, dict[str, Any]]:
    token = clinic.platform.settings.appservice.as_token.get_secret_value()
    options = {"headers": {"Authorization": f"Bearer {token}"}, "params": {"user_id": room.patient}}
    return f"{clinic.platform.portal.client_url}{path}", options


async def _timed(
    clinic: Clinic, method: str, address: str, options: dict[str, Any]
) -> tuple[float, dict[str, Any]]:
    start = time.perf_counter()
    async with clinic.http.request(method, address, **options) as response:
        answer = await response.json(content_type=None)
        assert response.ok, answer
    return time.perf_counter() - start, answer


async def _read(clinic: Clinic, address: str, options: dict[str, Any]) -> float:
    start, size = time.perf_counter(), 0
    async with clinic.http.get(address, **options) as response:
        assert response.ok, await response.read()
        async for piece in response.content.iter_chunked(_PIECE):
            size += len(piece)
    assert size == _BYTES
    return time.perf_counter() - start
