"""Downloads over HTTP: the headers, the broken transfer, what is not found."""

import json

import aiohttp
import pytest
from yarl import URL

from tests.bridge.http.forms import PDF, form, room_of, upload


async def test_a_download_says_what_it_is(api) -> None:
    """Saved under its name, never shown or guessed at, never cached; HEAD says the same."""
    _, kept, _ = await upload(api, form(room_of(api), name="señal.pdf"))
    path = f"/api/messages/attachment/{kept['attachment_id']}"
    for method in ("GET", "HEAD"):
        response = await api.call(method, path)
        assert response.status == 200
        assert len(await response.read()) == (len(PDF) if method == "GET" else 0)
        assert response.headers["Content-Type"] == "application/pdf"
        assert response.headers["Content-Length"] == str(len(PDF))
        assert response.headers["Content-Disposition"] == (
            "attachment; filename=\"se_al.pdf\"; filename*=UTF-8''se%C3%B1al.pdf"
        )
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Request-Id"]


async def test_a_file_that_is_not_whole_never_ends_well(api) -> None:
    """The connection breaks before the last byte: no client takes it for the file."""
    _, kept, _ = await upload(api, form(room_of(api)))
    api.attachments.broken.add(kept["attachment_id"])
    url = api.client.make_url("/").join(URL(f"/api/messages/attachment/{kept['attachment_id']}"))
    async with aiohttp.ClientSession() as http, http.get(url, headers=api.headers()) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientError):
            await response.read()


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-1", slice(2)), ("bytes=2-300000", slice(2, 300_001)), ("bytes=-9", slice(-9, None))],
)
async def test_a_part_is_what_was_asked_for(api, asked, part) -> None:
    """206, with its place, as players that look for a place in a recording ask; the whole says that it can be so."""
    _, kept, _ = await upload(api, form(room_of(api)))
    path = f"/api/messages/attachment/{kept['attachment_id']}"
    whole = await api.call("GET", path)
    assert (whole.status, whole.headers["Accept-Ranges"]) == (200, "bytes")
    for more in ({}, {"If-Range": whole.headers["ETag"]}):
        response = await api.call("GET", path, headers=api.headers(Range=asked, **more))
        assert (response.status, await response.read()) == (206, PDF[part])
        first, last, _ = part.indices(len(PDF))
        assert response.headers["Content-Range"] == f"bytes {first}-{last - 1}/{len(PDF)}"
        assert response.headers["Content-Length"] == str(last - first)
        for name in ("ETag", "Content-Type", "Content-Disposition", "Cache-Control", "Accept-Ranges"):
            assert response.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Range": "bytes=0-1,4-5"}),
        ("GET", {"Range": "bytes=0-1", "If-Range": '"another"'}),
        ("GET", {"Range": "bytes=0-1", "If-Range": "Mon, 23 Nov 2026 09:00:00 GMT"}),
        ("HEAD", {"Range": "bytes=0-1"}),
    ],
)
async def test_the_whole_comes_when_a_part_makes_no_sense(api, method, headers) -> None:
    """Several ranges; a part of another file; a question for the headers alone."""
    _, kept, _ = await upload(api, form(room_of(api)))
    path = f"/api/messages/attachment/{kept['attachment_id']}"
    response = await api.call(method, path, headers=api.headers(**headers))
    assert (response.status, response.headers["Content-Length"]) == (200, str(len(PDF)))
    assert "Content-Range" not in response.headers


async def test_beyond_the_end_there_is_nothing(api) -> None:
    """416 that says how much there is."""
    _, kept, _ = await upload(api, form(room_of(api)))
    path = f"/api/messages/attachment/{kept['attachment_id']}"
    response = await api.call("GET", path, headers=api.headers(Range=f"bytes={len(PDF)}-"))
    assert (response.status, (await response.json(content_type=None))["type"]) == (
        416,
        "/problems/range-not-satisfiable",
    )
    assert response.headers["Content-Range"] == f"bytes */{len(PDF)}"


async def test_a_part_of_a_damaged_file_is_not_given(api) -> None:
    """Nor one that lies before the damage: what is damaged, nobody knows. 502."""
    _, kept, _ = await upload(api, form(room_of(api)))
    api.attachments.broken.add(kept["attachment_id"])
    path = f"/api/messages/attachment/{kept['attachment_id']}"
    response = await api.call("GET", path, headers=api.headers(Range="bytes=0-1"))
    assert (response.status, (await response.json(content_type=None))["type"]) == (
        502,
        "/problems/attachment-broken",
    )


@pytest.mark.parametrize("attachment_id", ["a0", "mAAAA", "x"])
async def test_unknown_and_foreign_are_alike(api, attachment_id) -> None:
    """404."""
    response = await api.call("GET", f"/api/messages/attachment/{attachment_id}")
    assert (response.status, json.loads(await response.read())["type"]) == (404, "/problems/not-found")
