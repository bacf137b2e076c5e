"""bridge/http/form_content.py: a part's content is what lies between its headers and the next delimiter."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from bridge.http.form_content import FormContent

WAYS = (*range(1, 33), 10_000)  # how many bytes come at once
HEADERS = b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
NEARLY = b"\r\n--b\r\r\n--\r\n-\r\n--bo\r\n--bouncy\r\n"
CONTENTS = (b"", b"\r", b"\r\n", b"hola", NEARLY, NEARLY * 3 + b"\r\n--boun", b"\r\n--boun\r\n--bound")


def form_of(body: bytes, *, at_once: int) -> FormContent:
    """A form whose bytes came so many at once."""
    content = StreamReader(BaseProtocol(asyncio.get_running_loop()), limit=1 << 16)
    for start in range(0, len(body), at_once):
        content.feed_data(body[start : start + at_once])
    content.feed_eof()
    headers = {"Content-Type": 'multipart/form-data; boundary="boundary"'}
    request: Any = SimpleNamespace(headers=headers, content=content, content_length=len(body))
    return FormContent(request)


@pytest.mark.parametrize("content", CONTENTS)
async def test_content_is_found_however_it_comes(content: bytes) -> None:
    """Byte by byte or at once, with what looks like a delimiter in it; and the parser goes on behind it."""
    part = b"--boundary\r\n" + HEADERS + content + b"\r\n"
    body = part + part + b"--boundary--\r\n"
    for at_once in WAYS:
        form = form_of(body, at_once=at_once)
        reader = await form.parts()
        for _ in range(2):
            assert await reader.next() is not None
            assert b"".join([piece async for piece in form.pieces()]) == content
        assert form.expected_bytes() is not None
        assert await reader.next() is None


async def test_the_last_part_has_the_length_that_is_expected() -> None:
    """However the form comes."""
    body = b"--boundary\r\n" + HEADERS + NEARLY + b"\r\n--boundary--\r\n"
    for at_once in WAYS:
        form = form_of(body, at_once=at_once)
        await (await form.parts()).next()
        assert form.expected_bytes() == len(NEARLY)


async def test_an_empty_part_may_have_no_new_line_of_its_own() -> None:
    """The one that ends its headers is its delimiter's as well."""
    form = form_of(b"--boundary\r\n" + HEADERS + b"--boundary--\r\n", at_once=7)
    reader = await form.parts()
    await reader.next()
    assert [piece async for piece in form.pieces()] == []
    assert await reader.next() is None


@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n--boundar"])
async def test_a_form_that_ends_within_a_part_is_no_form(end: bytes) -> None:
    """Nothing tells whether the file is whole."""
    form = form_of(b"--boundary\r\n" + HEADERS + b"hola" + end, at_once=5)
    await (await form.parts()).next()
    with pytest.raises(ValueError, match="ends"):
        async for _ in form.pieces():
            pass
