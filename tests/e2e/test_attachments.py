"""Files between a managed patient, over REST, and a professional with an independent client."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.attachments import FILES, MARK, Meeting, dicom, digest, picture, send, upload
from tests.e2e.element import ElementClient
from tests.e2e.world import PASSWORD, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")
GROWTH_KB = 20 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(servers: LocalPlatform, bridge: BridgeProcess) -> AsyncIterator[Meeting]:
    """A patient and a professional who has logged in and joined."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send("hola", recipient=people.professional)
        room = first["conversation_id"]
        await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        await element.wait_for_message(room, body="hola")
        yield Meeting(people, element, room)


def peak_kb(pid: int) -> int:
    """The most memory that the process has held since its peak was last reset."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def reset_peak(pid: int) -> int:
    """The memory it holds now, from which on its peak counts anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    return peak_kb(pid)


def stored(servers: LocalPlatform) -> list[Path]:
    """Every file in the media stores of both homeservers."""
    places = [one.directory / "media" for one in (servers.portal, servers.hospital)]
    return [path for place in places for path in place.rglob("*") if path.is_file()]


async def test_files_go_there_and_back_in_little_memory(
    servers: LocalPlatform, bridge: BridgeProcess, meeting: Meeting, tmp_path: Path
) -> None:
    """40 MB of DICOM, a photograph and a PDF, byte by byte; the media stores hold nothing that can be read."""
    await upload(meeting, "antes.txt", b"lo que se carga una vez")
    before = reset_peak(bridge.pid)
    for name, (mime_type, make) in FILES.items():
        file = make()
        expected = sha256(file).hexdigest()
        uploaded = await upload(meeting, name, file)
        assert (uploaded["name"], uploaded["mime_type"], uploaded["sha256"]) == (name, mime_type, expected)
        sent = await send(meeting, uploaded["attachment_id"], body=f"aquí: {name}")
        message = await meeting.element.wait_for_message(meeting.room, event_id=sent["message_id"])
        assert message.is_trusted
        assert message.body == f"aquí: {name}"
        there = tmp_path / name
        await meeting.element.save_file(meeting.room, sent["message_id"], there)
        assert sha256(there.read_bytes()).hexdigest() == expected
        back = await meeting.element.send_file(meeting.room, there, mime_type=mime_type, caption="devuelto")
        shown = await in_history(meeting, back)
        assert (shown["body"], shown["attachments"][0]["name"]) == ("devuelto", name)
        assert await digest(meeting, shown["attachments"][0]["attachment_id"]) == expected
        assert await digest(meeting, uploaded["attachment_id"]) == expected
        for part in (slice(0, 2), slice(len(file) // 2, len(file)), slice(len(file) - 1, len(file))):
            asked = {"Range": f"bytes={part.start}-{part.stop - 1}"}
            got = await digest(meeting, uploaded["attachment_id"], **asked)
            assert got == sha256(file[part]).hexdigest()
    grown = peak_kb(bridge.pid) - before
    print("the bridge's peak grew by", grown, "KiB")  # noqa: T201
    assert grown < GROWTH_KB
    assert len(stored(servers)) >= 2 * len(FILES)
    assert not [path for path in stored(servers) if MARK in path.read_bytes()]


async def in_history(meeting: Meeting, event_id: str) -> dict[str, Any]:
    """The message, once the patient can see it."""

    async def find() -> dict[str, Any] | None:
        shown = await meeting.people.api.history(meeting.room)
        return next((one for one in shown if one["message_id"] == event_id), None)

    found = await eventually(find, until=lambda it: it is not None and it["type"] != "undecryptable")
    assert found is not None
    return found


async def test_a_picture_has_a_thumbnail_that_element_opens(meeting: Meeting, tmp_path: Path) -> None:
    """Encrypted, with its dimensions, and without what the photograph said beside the picture."""
    uploaded = await upload(meeting, "herida.jpg", picture())
    sent = await send(meeting, uploaded["attachment_id"])
    message = await meeting.element.wait_for_message(meeting.room, event_id=sent["message_id"])
    info = message.content["info"]
    assert (message.content["msgtype"], info["w"], info["h"]) == ("m.image", 1200, 900)
    there = tmp_path / "small.jpg"
    await meeting.element.save_file(meeting.room, sent["message_id"], there, thumbnail=True)
    with Image.open(there) as small:
        assert small.size == (800, 600)
    assert MARK not in there.read_bytes()


async def test_a_flipped_bit_is_refused(servers: LocalPlatform, meeting: Meeting) -> None:
    """In a long file the transfer breaks off, in a short one the answer is 502."""
    for size, outcome in ((2_000_000, None), (1000, 502)):
        known = set(stored(servers))
        uploaded = await upload(meeting, "a.pdf", b"%PDF-" + os.urandom(size))
        (path,) = set(stored(servers)) - known
        broken = bytearray(path.read_bytes())
        broken[size // 2] ^= 1
        path.write_bytes(broken)
        address = f"/api/messages/attachment/{uploaded['attachment_id']}"
        if outcome is None:
            with pytest.raises(aiohttp.ClientPayloadError):
                await meeting.people.api.request("GET", address)
        else:
            answer = await meeting.people.api.request("GET", address)
            assert (answer.status, answer.body["type"]) == (outcome, "/problems/attachment-broken")


async def test_what_was_expected_wrongly_or_breaks_off_leaves_nothing_more(
    servers: LocalPlatform, meeting: Meeting
) -> None:
    """An upload to the homeserver begins before the file is whole, and is one file there, or none."""
    known = set(stored(servers))
    file, boundary = b"%PDF-" + os.urandom(3_000_000), "frontera"
    field = f'--{boundary}\r\nContent-Disposition: form-data; name="{{}}"{{}}\r\n\r\n'
    form = field.format("conversation_id", "") + f"{meeting.room}\r\n"
    form += field.format("file", '; filename="a.pdf"')
    body = form.encode() + file + f"\r\n--{boundary}--".encode()  # most clients end it with a line's end
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    path = "/api/messages/upload-attachment"
    answer = await meeting.people.api.request("POST", path, data=io.BytesIO(body), headers=headers)
    assert (answer.status, answer.body["sha256"]) == (201, sha256(file).hexdigest())
    assert await digest(meeting, answer.body["attachment_id"]) == sha256(file).hexdigest()
    assert len(set(stored(servers)) - known) == 1

    async def breaks_off() -> AsyncIterator[bytes]:
        yield body[:-100_000]
        await asyncio.sleep(0.3)
        raise ConnectionError

    with pytest.raises(aiohttp.ClientError):
        await meeting.people.api.request(
            "POST", path, data=breaks_off(), headers={**headers, "Content-Length": str(len(body))}
        )
    await asyncio.sleep(0.5)
    assert len(set(stored(servers)) - known) == 1


@pytest.mark.parametrize("delay_s", [0.02, 0.1, 0.25])
async def test_a_kill_during_upload_and_send_repeats_nothing(
    bridge: BridgeProcess, meeting: Meeting, delay_s: float
) -> None:
    """The same requests after the crash: one attachment, one message."""
    file, keys = dicom(8_000_000), (str(uuid4()), str(uuid4()))

    async def both() -> dict[str, Any]:
        uploaded = await upload(meeting, "a.dcm", file, **{"Idempotency-Key": keys[0]})
        answer = await meeting.people.api.request(
            "POST",
            "/api/messages/send",
            json={
                "conversation_id": meeting.room,
                "attachments": [uploaded["attachment_id"]],
                "body": keys[1],
            },
            headers={"Idempotency-Key": keys[1]},
        )
        assert answer.status == 201, answer
        return {"attachment": uploaded["attachment_id"], **answer.body}

    trying = asyncio.create_task(both())
    await asyncio.sleep(delay_s)
    await bridge.kill()
    with suppress(aiohttp.ClientError):
        await trying
    await bridge.start()
    await bridge.wait_ready()
    done = await both()
    assert await both() == done
    shown = [one for one in await meeting.people.api.history(meeting.room) if one["body"] == keys[1]]
    assert [one["message_id"] for one in shown] == [done["message_id"]]
    assert [one["attachment_id"] for one in shown[0]["attachments"]] == [done["attachment"]]
    assert await digest(meeting, done["attachment"]) == sha256(file).hexdigest()
