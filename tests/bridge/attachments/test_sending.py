"""bridge/attachments/sending.py: uploaded files in messages, each in one, whoever dies on the way."""

import io
from contextlib import suppress
from datetime import timedelta

import pytest
from PIL import Image
from sqlalchemy import update

from bridge.attachments import store
from bridge.attachments.errors import AttachmentUnusableError
from bridge.errors import MessageRefusedError
from bridge.matrix.errors import MatrixError
from bridge.messages import refused_sends
from bridge.storage.attachments import attachments
from bridge.storage.e2ee import outbound_sessions
from bridge.storage.sends import sends
from tests.bridge.attachments.files import PDF, download, history, picture, room_of, send, upload
from tests.bridge.clinic import Clinic
from tests.bridge.mortality import Killed
from tests.bridge.trouble import failing


async def test_a_picture_has_dimensions_and_a_thumbnail(clinic: Clinic) -> None:
    """Both files are encrypted; the small one is an attachment as well."""
    room = await room_of(clinic)
    kept = await upload(clinic, room, picture(), name="herida.png")
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


async def test_the_file_of_a_refused_message_is_forgotten_with_it(clinic: Clinic) -> None:
    """After 30 days nothing says that there was one; the file of a message that went out stays known."""
    room = await room_of(clinic)
    sent, refused = [(await upload(clinic, room, operation_id=f"up{n}")).attachment_id for n in range(2)]
    await send(clinic, room, [sent])
    gone = MatrixError(status=403, errcode="M_FORBIDDEN", message="you are not in the room")
    clinic.homeserver.before = failing(gone, "send_event")
    with pytest.raises(MessageRefusedError):
        await send(clinic, room, [refused], operation_id="another")
    async with clinic.database.write() as connection:
        await connection.execute(update(outbound_sessions).values(is_current=False))
    for days, left in ((29, {sent, refused}), (30, {sent})):
        async with clinic.database.write() as connection:
            await refused_sends.prune(connection, now=clinic.clock() + timedelta(days=days))
        assert {row.id for row in await clinic.rows(attachments)} == left


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
