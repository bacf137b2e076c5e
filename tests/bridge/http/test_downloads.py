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


@pytest.mark.parametrize("attachment_id", ["a0", "mAAAA", "x"])
async def test_unknown_and_foreign_are_alike(api, attachment_id) -> None:
    """404."""
    response = await api.call("GET", f"/api/messages/attachment/{attachment_id}")
    assert (response.status, json.loads(await response.read())["type"]) == (404, "/problems/not-found")
