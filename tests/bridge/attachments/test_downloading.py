"""bridge/attachments/downloading.py: who may gets the file as it was, and nobody else anything."""

from hashlib import sha256

import pytest

from bridge.attachments.errors import AttachmentBrokenError, AttachmentNotFoundError, AttachmentUnusableError
from bridge.attachments.ids import Shared
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError, TooManyAttemptsError
from bridge.matrix.errors import MatrixError
from tests.bridge.attachments.files import PDF, download, history, picture, room_of, send, upload
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic
from tests.bridge.messages.history.talking import redact
from tests.bridge.trouble import TOO_MANY, UNREACHABLE


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


async def test_so_many_at_once_and_no_more(clinic: Clinic) -> None:
    """Each is a connection to the homeserver, held as slowly as its reader reads. Another person's go on."""
    kept = await upload(clinic, await room_of(clinic))
    his = await upload(clinic, await room_of(clinic, JUAN), owner=JUAN, operation_id="his")
    slots = clinic.main.download_slots
    with slots.taken(LUCIA), slots.taken(LUCIA):
        with pytest.raises(TooManyAttemptsError):
            await download(clinic, kept.attachment_id)
        assert await download(clinic, his.attachment_id, reader=JUAN)
    for _ in range(3):
        assert await download(clinic, kept.attachment_id)


async def test_a_message_of_another_conversation_gives_no_file(clinic: Clinic) -> None:
    """The id of a message's file, or of its small version, is a place; who may not read there gets nothing."""
    room = await room_of(clinic)
    kept = await upload(clinic, room, picture(), name="herida.png")
    await send(clinic, room, [kept.attachment_id])
    await clinic.push()
    (shown,) = (await history(clinic, room))[0].attachments
    for attachment_id in (shown.attachment_id, shown.thumbnail):
        assert await download(clinic, attachment_id)
        with pytest.raises((AttachmentNotFoundError, ConversationNotFoundError)):
            await download(clinic, attachment_id, reader=JUAN)


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
            got += [piece async for piece in file.pieces()]
    assert sum(map(len, got)) < len(PDF)


async def test_a_part_comes_only_of_a_whole_file(clinic: Clinic) -> None:
    """Any part; and wherever the damage is, its last piece doesn't come."""
    room = await room_of(clinic)
    kept = await upload(clinic, room)
    (url,) = clinic.media.files
    size = len(PDF)
    parts = (range(1), range(70_000, 70_001), range(60_000, 140_000), range(size - 1, size), range(size))
    for part in parts:
        assert await download(clinic, kept.attachment_id, part=part) == PDF[part.start : part.stop]
    good = clinic.media.files[url]
    for place in (0, 65_536, size - 1):
        clinic.media.files[url] = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        for part in parts:
            got = []
            with pytest.raises(AttachmentBrokenError):
                async with clinic.main.downloading.opened(
                    reader=LUCIA, attachment_id=kept.attachment_id
                ) as file:
                    got += [piece async for piece in file.pieces(part)]
            assert sum(map(len, got)) < len(part)


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (UNREACHABLE, HomeserverUnavailableError),
        (TOO_MANY, HomeserverUnavailableError),
        (MatrixError(status=502, errcode="M_UNKNOWN", message=""), HomeserverUnavailableError),
        (MatrixError(status=404, errcode="M_NOT_FOUND", message=""), AttachmentNotFoundError),
    ],
)
async def test_a_file_that_cannot_be_fetched_now_is_no_lost_file(
    clinic: Clinic, trouble: Exception, expected: type[Exception]
) -> None:
    """The hospital's server is down, or asks for patience: later. It has no such file any more: not found."""
    kept = await upload(clinic, await room_of(clinic))

    def fail(_url: str) -> None:
        raise trouble

    clinic.media.before_download = fail
    with pytest.raises(expected) as refused:
        await download(clinic, kept.attachment_id)
    if trouble is TOO_MANY:
        assert vars(refused.value)["retry_after_s"] == TOO_MANY.retry_after_s
    clinic.media.before_download = lambda _url: None
    assert await download(clinic, kept.attachment_id) == PDF


async def test_a_message_that_was_taken_back_takes_its_file_along(clinic: Clinic) -> None:
    """By the id of the upload, too."""
    room = await room_of(clinic)
    kept = await upload(clinic, room)
    sent = await send(clinic, room, [kept.attachment_id])
    await clinic.push()
    await redact(clinic, room, sent.message_id)
    for attachment_id in (kept.attachment_id, Shared(room, sent.message_id).id):
        with pytest.raises(AttachmentNotFoundError):
            await download(clinic, attachment_id)
