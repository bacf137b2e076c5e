"""bridge/attachments/uploading.py: who may upload, what is stored of it, and what is not."""

import pytest

from appointments.errors import NotInCareTeamError
from bridge.attachments import store
from bridge.attachments.errors import InfectedError, TooLargeError
from bridge.attachments.fake_clamd import EICAR, FakeClamd
from bridge.attachments.settings import AttachmentSettings
from bridge.errors import ConversationNotFoundError, HomeserverUnavailableError, TooManyAttemptsError
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.storage.attachments import attachments
from tests.bridge.attachments.files import PDF, download, room_of, send, upload
from tests.bridge.clinic import GARCIA, JUAN, LUCIA, Clinic


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
        scanning = AttachmentSettings(clamd=clamd.address)
        clinic.settings = clinic.settings.model_copy(update={"attachments": scanning})
        with pytest.raises(InfectedError):
            await upload(clinic, room, PDF + EICAR, expected_bytes=len(PDF + EICAR), process=clinic.process())
    assert clinic.media.files == {}


async def test_so_many_at_once_and_no_more(clinic: Clinic) -> None:
    """Another person's go on."""
    room = await room_of(clinic)
    slots = clinic.main.slots
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
