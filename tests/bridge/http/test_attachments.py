"""Uploads over HTTP: what is taken in, what is refused, how many at once."""

import asyncio
import io
from hashlib import sha256

import aiohttp
import pytest

from bridge.attachments.fake_clamd import FakeClamd
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Receiving
from bridge.attachments.settings import AttachmentSettings
from bridge.errors import HomeserverUnavailableError
from tests.bridge.http.api import LUCIA
from tests.bridge.http.forms import PATH, PDF, form, room_of, upload
from tests.until import until


async def test_a_file_is_taken_in(api) -> None:
    """201 with what it is; the hash is the file's."""
    status, answer, _ = await upload(api, form(room_of(api)))
    assert status == 201
    assert answer.pop("attachment_id") in api.attachments.files
    assert answer == {
        "name": "informe.pdf",
        "mime_type": "application/pdf",
        "size": len(PDF),
        "sha256": sha256(PDF).hexdigest(),
    }


@pytest.mark.parametrize(
    ("data", "status", "problem", "pointer"),
    [
        (form("!room0", b"MZ\x90"), 415, "attachment-type", None),
        (form("!room0", b"<svg/>", name="a.svg"), 415, "attachment-type", None),
        (form("!room0", PDF, name="a.png"), 422, "validation", "#/file"),
        (form("!room0", b""), 422, "validation", "#/file"),
        (form("!room0", None), 422, "validation", "#/file"),
        (form(None, PDF), 422, "validation", "#/conversation_id"),
        (form("nonsense", PDF), 422, "validation", "#/conversation_id"),
        (form("!" + "a" * 5000, PDF), 422, "validation", "#/conversation_id"),
        (form("!room0", PDF, other="x"), 422, "validation", "#/"),
        (form("!room1", PDF), 404, "not-found", None),
    ],
    ids=[
        "type",
        "picture that is text",
        "name of another type",
        "empty",
        "no file",
        "no conversation",
        "no room id",
        "endless room id",
        "another field",
        "foreign",
    ],
)
async def test_what_is_refused(api, data, status, problem, pointer) -> None:
    """Each with what is wrong, in the caller's language; nothing is kept."""
    assert room_of(api) == "!room0"
    given, document, headers = await upload(api, data, **{"Accept-Language": "es"})
    assert (given, document["type"]) == (status, f"/problems/{problem}")
    assert [one["pointer"] for one in document.get("errors", [])] == [pointer] * (pointer is not None)
    assert headers["Content-Language"] == "es"
    assert api.attachments.files == {}


async def test_too_large_is_known_at_once(api) -> None:
    """By the length that the request announces: 413, whatever else is in it."""
    data = form(room_of(api), None)
    data.add_field("file", io.BytesIO(b"%PDF-" + bytes(52_600_000)), filename="a.pdf")
    status, answer, _ = await upload(api, data)
    assert (status, answer["type"]) == (413, "/problems/attachment-too-large")
    assert "50 MB" in answer["detail"]


async def test_too_large_for_the_scanner_is_no_matter_of_trying_again(api) -> None:
    """413 that says what wasn't done, whatever the reason; a scanner that is away is 503 with Retry-After."""
    async with FakeClamd(limit=100_000) as clamd:
        scanned = AttachmentSettings(clamd=clamd.address)
        api.attachments._receiving = Receiving(settings=scanned, pictures=Pictures())
        room = room_of(api)
        for language, word in (("es", "El antivirus no ha"), ("en", "virus scanner did not")):
            status, answer, headers = await upload(api, form(room), **{"Accept-Language": language})
            assert (status, answer["type"]) == (413, "/problems/attachment-too-large")
            assert word in answer["detail"]
            assert "Retry-After" not in headers
        assert (await upload(api, form(room, PDF[:100_000])))[0] == 201
    status, answer, headers = await upload(api, form(room))
    assert (status, answer["type"], headers["Retry-After"]) == (503, "/problems/unavailable", "30")


async def test_other_bodies_are_refused(api) -> None:
    """JSON is 415; a form that ends in the middle, or names no charset there is, is 400."""
    response = await api.call("POST", PATH, json={"conversation_id": "!r"})
    assert (response.status, (await response.json())["type"]) == (415, "/problems/unsupported-media-type")
    for broken in (
        b"",
        b"--b\r\n",
        b"nonsense",
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n%PDF-',
        b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n' + b"x" * 32 + b"\r\n--b--\r\n",
    ):
        headers = api.headers(**{"Content-Type": "multipart/form-data; boundary=b"})
        response = await api.call("POST", PATH, data=broken, headers=headers)
        assert response.status in (400, 422), broken
    assert api.attachments.files == {}


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("", "file"),
        ('; filename=""', "file"),
        ('; filename="informe señal.pdf"', "informe señal.pdf"),
        ('; filename="se%C3%B1al 100%.pdf"', "señal 100%.pdf"),
        ("; filename=\"x.pdf\"; filename*=UTF-8''se%C3%B1al.pdf", "señal.pdf"),
        ('; filename="C:\\\\Users\\\\ana\\\\a.pdf"', "a.pdf"),
        ('; filename="a \\"b\\".pdf"', "a _b_.pdf"),
    ],
)
async def test_names_as_clients_spell_them(api, disposition, name) -> None:
    """None at all, in UTF-8, percent-encoded, in both forms, with a path."""
    field = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    body = field.format("conversation_id", "") + room_of(api) + "\r\n"
    body += field.format("file", disposition) + "%PDF-1.7\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    response = await api.call("POST", PATH, data=body.encode(), headers=api.headers(**headers))
    assert (response.status, (await response.json())["name"]) == (201, name)


async def test_one_form_one_file(api) -> None:
    """Two of a field are 422, whichever it is."""
    for field in ("file", "conversation_id"):
        data = form(room_of(api))
        if field == "file":
            data.add_field("file", PDF, filename="otro.pdf")
        else:
            data.add_field("conversation_id", "!room0")
        status, answer, _ = await upload(api, data)
        assert (status, [one["pointer"] for one in answer["errors"]]) == (422, [f"#/{field}"])
    assert api.attachments.files == {}


async def test_no_credentials_no_reading(api) -> None:
    """401 before anything else."""
    response = await api.call("POST", PATH, data=form("!room0"), headers={})
    assert response.status == 401


async def test_ended_care_takes_no_file(api) -> None:
    """403."""
    room = room_of(api)
    api.clinic.end(room)
    status, answer, _ = await upload(api, form(room))
    assert (status, answer["type"]) == (403, "/problems/not-in-care-team")


async def test_the_same_upload_again_is_the_same_attachment(api_on_each) -> None:
    """By fields, file name and content, whatever the boundary; another content or name is 422; 503 tries again."""
    api = api_on_each
    room, key = room_of(api), {"Idempotency-Key": "k1"}
    api.clinic.failure = HomeserverUnavailableError()
    assert (await upload(api, form(room), **key))[0] == 503
    api.clinic.failure = None
    first = (await upload(api, form(room), **key))[:2]
    assert first[0] == 201
    assert (await upload(api, form(room), **key))[:2] == first
    for other in (form(room, PDF + b"x"), form(room, name="otro.pdf")):
        status, answer, _ = await upload(api, other, **key)
        assert (status, answer["type"]) == (422, "/problems/idempotency-key-reused")
    assert len(api.attachments.files) == 1


async def test_who_is_gone_holds_no_place(api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone in a tunnel neither sends nor hangs up: after a minute of nothing its upload is over, with 400."""
    monkeypatch.setattr("bridge.http.uploads.PATIENCE_S", 0.3)
    room = room_of(api)

    async def one(pause_s: float, pieces: int) -> int:
        async def slow():
            yield b"%PDF-"
            for _ in range(pieces):
                await asyncio.sleep(pause_s)
                yield b"x" * 5000

        with aiohttp.MultipartWriter("form-data") as writer:
            writer.append(room).set_content_disposition("form-data", name="conversation_id")
            writer.append(slow()).set_content_disposition("form-data", name="file", filename="a.pdf")
        return (await api.call("POST", PATH, data=writer)).status

    assert await one(0.05, 10) == 201  # slow is not gone
    stuck = [asyncio.create_task(one(10, 1)) for _ in range(4)]
    assert await asyncio.gather(*stuck) == [400] * 4
    assert (await upload(api, form(room)))[0] == 201


async def test_who_hangs_up_holds_no_place(api) -> None:
    """Nothing is kept of what came, and the place is free at once."""
    room, started = room_of(api), asyncio.Event()

    async def cut_off():
        yield b"%PDF-" + b"x" * 300_000
        started.set()
        await asyncio.sleep(30)

    with aiohttp.MultipartWriter("form-data") as writer:
        writer.append(room).set_content_disposition("form-data", name="conversation_id")
        writer.append(cut_off()).set_content_disposition("form-data", name="file", filename="a.pdf")
    sending = asyncio.create_task(api.call("POST", PATH, data=writer))
    await until(lambda: api.attachments._slots._taken.get(LUCIA) == 1)
    sending.cancel()
    await until(lambda: not api.attachments._slots._taken)
    assert started.is_set()
    assert api.attachments.files == {}


async def test_too_many_at_once(api) -> None:
    """429 with Retry-After; each that ends makes room."""
    room, going = room_of(api), asyncio.Event()

    async def slow():
        for _ in range(3):  # the parser looks ahead: it wants more before it gives what it has
            yield b"%PDF-" + b"x" * 5000
            await asyncio.sleep(0.05)
        await going.wait()

    async def one() -> int:
        with aiohttp.MultipartWriter("form-data") as writer:
            writer.append(room).set_content_disposition("form-data", name="conversation_id")
            writer.append(slow()).set_content_disposition("form-data", name="file", filename="a.pdf")
        return (await api.call("POST", PATH, data=writer)).status

    under_way = [asyncio.create_task(one()) for _ in range(4)]
    await until(lambda: api.attachments._slots._taken[LUCIA] == 4)
    status, _, headers = await upload(api, form(room))
    assert (status, int(headers["Retry-After"]) >= 1) == (429, True)
    going.set()
    assert await asyncio.gather(*under_way) == [201] * 4
    assert (await upload(api, form(room)))[0] == 201
