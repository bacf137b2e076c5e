"""bridge/attachments: from upload to message to history to download, on a homeserver in memory."""

import io
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from PIL import Image

from appointments.errors import NotInCareTeamError
from bridge.attachments import store
from bridge.attachments.errors import (
    AttachmentBrokenError,
    AttachmentNotFoundError,
    AttachmentUnusableError,
    InfectedError,
    ScannerUnavailableError,
    TooLargeError,
)
from bridge.attachments.fake_clamd import EICAR, FakeClamd
from bridge.attachments.pictures import Pictures
from bridge.attachments.receiving import Receiving
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError, TooManyAttemptsError
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.messages_model import SentMessage, UploadedAttachment
from bridge.settings import AttachmentSettings
from bridge.storage.attachments import attachments
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic, Killed, Process

PDF = b"%PDF-1.7\n" + b"informe " * 30_000


async def in_pieces(file: bytes, *, size: int = 70_000) -> AsyncIterator[bytes]:
    """A file as it comes from a network."""
    for start in range(0, len(file), size):
        yield file[start : start + size]


async def upload(clinic: Clinic, room: str, file: bytes = PDF, **changes: Any) -> UploadedAttachment:
    """Lucía uploads a file, unless something else is said."""
    given = {
        "process": clinic.main,
        "owner": LUCIA,
        "name": "informe.pdf",
        "operation_id": "up",
        "expected_bytes": None,
    } | changes
    uploading = given["process"].uploading
    await uploading.admit(owner=given["owner"], conversation_id=room)
    async with uploading.received(
        in_pieces(file),
        owner=given["owner"],
        name=given["name"],
        declared=None,
        expected_bytes=given["expected_bytes"],
    ) as received:
        kept: UploadedAttachment = await uploading.keep(
            received, owner=given["owner"], conversation_id=room, operation_id=given["operation_id"]
        )
        return kept


async def download(clinic: Clinic, attachment_id: str, *, reader: str = LUCIA) -> bytes:
    """The whole file."""
    async with clinic.main.downloading.opened(reader=reader, attachment_id=attachment_id) as file:
        return b"".join([piece async for piece in file.pieces])


async def send(clinic: Clinic, room: str, files: list[str], **changes: Any) -> SentMessage:
    """Lucía sends files."""
    process: Process = changes.pop("process", clinic.main)
    message = {"sender": LUCIA, "body": "", "reply_to": None, "operation_id": "message"} | changes
    return await process.messages.send(conversation_id=room, recipient=None, attachments=files, **message)


async def room_of(clinic: Clinic, patient: str = LUCIA) -> str:
    """Her conversation with Garcia."""
    sent = await clinic.main.messages.send(
        sender=patient,
        conversation_id=None,
        recipient=GARCIA,
        body="hola",
        reply_to=None,
        operation_id=f"first of {patient}",
    )
    return sent.conversation_id


async def history(clinic: Clinic, room: str, *, reader: str = LUCIA) -> Any:
    """Its newest messages."""
    page = await clinic.main.messages.history(reader=reader, conversation_id=room, limit=50, before=None)
    return page.messages


async def test_a_file_goes_out_and_comes_back(clinic: Clinic) -> None:
    """Same bytes before and after it was sent; the message names it by the id of the upload, with its caption."""
    room = await room_of(clinic)
    kept = await upload(clinic, room)
    assert (kept.name, kept.mime_type, kept.size) == ("informe.pdf", "application/pdf", len(PDF))
    assert kept.sha256 == sha256(PDF).hexdigest()
    assert await download(clinic, kept.attachment_id) == PDF
    sent = await send(clinic, room, [kept.attachment_id], body="mi informe")
    assert await download(clinic, kept.attachment_id) == PDF
    newest = (await history(clinic, room))[0]
    assert (newest.message_id, newest.type, newest.body) == (sent.message_id, "file", "mi informe")
    (shown,) = newest.attachments
    assert (shown.attachment_id, shown.name, shown.size) == (kept.attachment_id, "informe.pdf", len(PDF))


async def test_nothing_readable_is_stored(clinic: Clinic) -> None:
    """Neither in the media repository nor in our tables, nor the key; after sending, not even sealed."""
    room = await room_of(clinic)
    kept = await upload(clinic, room)
    stored = b"".join(clinic.media.files.values())
    assert len(stored) == len(PDF)
    assert b"informe" not in stored
    (row,) = await clinic.rows(attachments)
    assert b"informe" not in row.sealed
    await send(clinic, room, [kept.attachment_id])
    async with clinic.database.write() as connection:
        await store.prune(connection, now=clinic.clock())
    (row,) = await clinic.rows(attachments)
    assert row.sealed is None
    assert await download(clinic, kept.attachment_id) == PDF


async def test_a_picture_has_dimensions_and_a_thumbnail(clinic: Clinic) -> None:
    """Both files are encrypted; the small one is an attachment as well."""
    made = io.BytesIO()
    Image.new("RGB", (1600, 900), "teal").save(made, "PNG")
    room = await room_of(clinic)
    kept = await upload(clinic, room, made.getvalue(), name="herida.png")
    await send(clinic, room, [kept.attachment_id])
    newest = (await history(clinic, room))[0]
    (shown,) = newest.attachments
    assert (newest.type, newest.body, shown.width, shown.height) == ("image", "", 1600, 900)
    small = Image.open(io.BytesIO(await download(clinic, shown.thumbnail)))
    assert (small.format, small.size) == ("JPEG", (800, 450))
    assert not any(b"PNG" in one or b"JFIF" in one for one in clinic.media.files.values())


async def test_several_files_are_one_message_each(clinic: Clinic) -> None:
    """In their order, the caption and the reply with the first."""
    room = await room_of(clinic)
    first = await history(clinic, room)
    ids = [
        (await upload(clinic, room, PDF + bytes([n]), operation_id=f"up{n}")).attachment_id for n in range(3)
    ]
    sent = await send(clinic, room, ids, body="tres", reply_to=first[0].message_id)
    shown = (await history(clinic, room))[:3][::-1]
    assert sent.message_ids == tuple(one.message_id for one in shown)
    assert [one.attachments[0].attachment_id for one in shown] == ids
    assert [one.body for one in shown] == ["tres", "", ""]
    assert [one.reply_to for one in shown] == [first[0].message_id, None, None]


async def test_who_may_not_send_may_not_upload(clinic: Clinic) -> None:
    """Refused before the file is read: somebody else's conversation is not found, an ended one is told."""
    room = await room_of(clinic)
    for foreign in ("!unknown", await room_of(clinic, JUAN)):
        with pytest.raises(ConversationNotFoundError):
            await upload(clinic, foreign)
    await clinic.end_care(LUCIA, GARCIA)
    with pytest.raises(NotInCareTeamError):
        await upload(clinic, room)
    assert clinic.media.files == {}


async def test_foreign_files_are_not_found(clinic: Clinic) -> None:
    """Neither downloaded nor sent: not another person's, not another conversation's, not a made-up one."""
    room, other = await room_of(clinic), await room_of(clinic, JUAN)
    kept = await upload(clinic, room)
    for reader in (JUAN, GARCIA):
        with pytest.raises((AttachmentNotFoundError, ConversationNotFoundError)):
            await download(clinic, kept.attachment_id, reader=reader)
    for unknown in ("a0", "m", "t!", "x", "mAAAA", ""):
        with pytest.raises((AttachmentNotFoundError, ConversationNotFoundError)):
            await download(clinic, unknown)
    own = await upload(clinic, other, owner=JUAN, operation_id="his")
    for wrong in ([kept.attachment_id], [own.attachment_id, "a0"]):
        with pytest.raises(AttachmentUnusableError) as refused:
            await send(clinic, other, wrong, sender=JUAN)
        assert (refused.value.index, refused.value.reason) == (len(wrong) - 1, "unknown")
    assert await send(clinic, other, [own.attachment_id], sender=JUAN)


async def test_a_message_of_another_conversation_gives_no_file(clinic: Clinic) -> None:
    """An id holds a place, and whoever may not read that place gets nothing."""
    room = await room_of(clinic)
    kept = await upload(clinic, room)
    await send(clinic, room, [kept.attachment_id])
    await clinic.push()
    for reader in (JUAN,):
        with pytest.raises((AttachmentNotFoundError, ConversationNotFoundError)):
            await download(clinic, kept.attachment_id, reader=reader)


async def test_a_file_goes_with_one_message(clinic: Clinic) -> None:
    """A second message with it is refused clearly, and so is one that names it twice; nothing of it is stored."""
    room = await room_of(clinic)
    one, two = [(await upload(clinic, room, operation_id=f"up{n}")).attachment_id for n in range(2)]
    with pytest.raises(AttachmentUnusableError):
        await send(clinic, room, [one, one])
    await send(clinic, room, [one])
    before = len(await clinic.rows(sends))
    with pytest.raises(AttachmentUnusableError) as refused:
        await send(clinic, room, [two, one], operation_id="another")
    assert (refused.value.index, refused.value.reason) == (1, "sent")
    assert len(await clinic.rows(sends)) == before
    assert await send(clinic, room, [two], operation_id="a third")


async def test_what_is_not_sent_is_forgotten(clinic: Clinic) -> None:
    """After 24 hours there is no row, and so no key anywhere."""
    room = await room_of(clinic)
    kept = await upload(clinic, room)
    for hours, left in ((23.9, 1), (0.1, 0)):
        clinic.clock.at += timedelta(hours=hours)
        async with clinic.database.write() as connection:
            await store.prune(connection, now=clinic.clock())
        assert len(await clinic.rows(attachments)) == left
    with pytest.raises(AttachmentUnusableError):
        await send(clinic, room, [kept.attachment_id])


async def test_a_flipped_bit_is_never_presented_as_good(clinic: Clinic) -> None:
    """The last piece doesn't come."""
    room = await room_of(clinic)
    kept = await upload(clinic, room)
    (url,) = clinic.media.files
    broken = bytearray(clinic.media.files[url])
    broken[1000] ^= 1
    clinic.media.files[url] = bytes(broken)
    got = []
    with pytest.raises(AttachmentBrokenError):
        async with clinic.main.downloading.opened(reader=LUCIA, attachment_id=kept.attachment_id) as file:
            got += [piece async for piece in file.pieces]
    assert sum(map(len, got)) < len(PDF)


async def test_too_much_is_noticed_as_it_comes(clinic: Clinic) -> None:
    """The rest is not read; nothing went to the homeserver."""
    receiving = Receiving(settings=AttachmentSettings(max_bytes=100_000), pictures=Pictures())
    read = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b"%PDF-" + b"x" * 30_000

    with pytest.raises(TooLargeError):
        async with receiving.received(endless(), name="a.pdf", declared=None):
            pass
    assert len(read) == 4
    assert await room_of(clinic)
    assert clinic.media.files == {}


async def test_a_virus_scanner_sees_everything_first() -> None:
    """Found: refused. Not there: refused."""
    async with FakeClamd() as clamd:
        receiving = Receiving(settings=AttachmentSettings(clamd=clamd.address), pictures=Pictures())
        async with receiving.received(in_pieces(PDF), name="a.pdf", declared=None) as received:
            assert received.size == clamd.seen[0] == len(PDF)
        with pytest.raises(InfectedError):
            async with receiving.received(in_pieces(PDF + EICAR), name="a.pdf", declared=None):
                pass
    with pytest.raises(ScannerUnavailableError):
        async with receiving.received(in_pieces(PDF), name="a.pdf", declared=None):
            pass


@pytest.mark.parametrize("expected_bytes", [len(PDF), len(PDF) - 2, len(PDF) + 500, 1, 0, -3])
async def test_a_file_is_stored_once_whatever_length_was_expected(
    clinic: Clinic, expected_bytes: int
) -> None:
    """What begins before the file is whole is completed, or leaves nothing."""
    room = await room_of(clinic)
    kept = await upload(clinic, room, expected_bytes=expected_bytes)
    assert len(clinic.media.files) == 1
    assert await download(clinic, kept.attachment_id) == PDF
    assert await upload(clinic, room, expected_bytes=expected_bytes) == kept
    assert len(clinic.media.files) == 1


async def test_an_infected_file_is_never_completed(clinic: Clinic) -> None:
    """It is known only at its end, when most of its ciphertext has gone out."""
    room = await room_of(clinic)
    async with FakeClamd() as clamd:
        clinic.main.uploading._receiving = Receiving(
            settings=AttachmentSettings(clamd=clamd.address), pictures=Pictures()
        )
        with pytest.raises(InfectedError):
            await upload(clinic, room, PDF + EICAR, expected_bytes=len(PDF + EICAR))
    assert clinic.media.files == {}


async def test_so_many_at_once_and_no_more(clinic: Clinic) -> None:
    """Another person's go on."""
    room = await room_of(clinic)
    slots = clinic.main.uploading._slots
    with slots.taken(LUCIA), slots.taken(LUCIA), slots.taken(LUCIA), slots.taken(LUCIA):
        with pytest.raises(TooManyAttemptsError):
            await upload(clinic, room)
        assert await upload(clinic, await room_of(clinic, JUAN), owner=JUAN, operation_id="his")
    assert await upload(clinic, room)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (HomeserverUnreachableError("gone"), HomeserverUnavailableError),
        (MatrixError(status=429, errcode="M_LIMIT_EXCEEDED", message=""), HomeserverUnavailableError),
        (MatrixError(status=413, errcode="M_TOO_LARGE", message=""), TooLargeError),
    ],
)
async def test_a_homeserver_that_takes_nothing_leaves_nothing(
    clinic: Clinic, error: Exception, expected: type[Exception]
) -> None:
    """No row; the same operation may be tried again."""
    room = await room_of(clinic)

    def fail(_user_id: str) -> None:
        raise error

    clinic.media.before = fail
    with pytest.raises(expected):
        await upload(clinic, room)
    assert await clinic.rows(attachments) == []
    clinic.media.before = lambda _user_id: None
    assert await download(clinic, (await upload(clinic, room)).attachment_id) == PDF


async def test_death_at_any_step_is_mended_by_the_same_operation(clinic: Clinic) -> None:
    """An upload, and a message with two files, killed at each step and asked for again: one of each."""
    room = await room_of(clinic)
    for dies_at in range(1, 60):
        process, survived = clinic.process(dies_at=dies_at), False
        with suppress(Killed):
            await upload(clinic, room, process=process, operation_id=f"a{dies_at}")
            await upload(clinic, room, process=process, operation_id=f"b{dies_at}")
            ids = [f"aa{dies_at}", f"ab{dies_at}"]
            await send(clinic, room, ids, process=process, operation_id=f"m{dies_at}")
            survived = True
        again = clinic.process()
        ids = [
            (await upload(clinic, room, process=again, operation_id=f"{one}{dies_at}")).attachment_id
            for one in "ab"
        ]
        sent = await send(clinic, room, ids, process=again, operation_id=f"m{dies_at}")
        shown = [one for one in await history(clinic, room) if one.attachments]
        assert len(shown) == 2 * dies_at
        assert [one.message_id for one in shown[:2][::-1]] == list(sent.message_ids)
        assert await download(clinic, ids[1]) == PDF
        if survived:
            break
    assert survived
    assert dies_at > 15
