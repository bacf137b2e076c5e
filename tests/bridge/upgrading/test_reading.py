"""What is read of a conversation that was moved: one history, one set of marks and files, under one id."""

import pytest

from bridge.attachments.errors import AttachmentUnusableError
from bridge.errors import BadCursorError, ConversationNotFoundError
from bridge.live.bodies import Bodies
from bridge.live.streams import Streams
from bridge.matrix.events import Receipt
from bridge.states.read_marks import ReadMarks
from bridge.storage.conversations import timeline
from tests.bridge.attachments.files import PDF, download, upload
from tests.bridge.attachments.files import send as send_files
from tests.bridge.clinic import GARCIA, JUAN, KEEPER, LUCIA, Clinic
from tests.bridge.inbound.at_once.pushing import event, push
from tests.bridge.messages.writing import read
from tests.bridge.rooms.membership.changes import acts
from tests.bridge.upgrading.ward import answer, bodies, moved, pages, say, state


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_history_goes_on_before_the_beginning(clinic: Clinic, room: str, limit: int) -> None:
    """Through all rooms, whatever a page holds, asked for by the id of any of them; each message is shown once."""
    rooms, said = [room], [str(number) for number in range(7)]
    for body in said:
        await say(clinic, room, body)
        if body in ("1", "4"):
            rooms.append(await moved(clinic, room, version="13" if body == "1" else "14"))
            await clinic.homeserver.join(user_id=GARCIA, room_id=rooms[-1])
    for asked in rooms:
        assert await bodies(clinic, asked, limit=limit) == said[::-1]
    (page,) = await pages(clinic, rooms[-1], limit=50)
    assert {message.conversation_id for message in page.messages} == {room}
    assert page.conversation.conversation_id == room


async def test_a_cursor_from_before_still_leads_on(clinic: Clinic, room: str) -> None:
    """Who was reading when the conversation moved goes on where she was."""
    for body in ("0", "1", "2"):
        await say(clinic, room, body)
    page = await read(clinic, room, limit=2)
    await moved(clinic, room)
    await say(clinic, room, "3")
    assert [one.body for one in (await read(clinic, room, limit=2, before=page.next)).messages] == ["0"]
    for wrong in ("2@", "7@t1", "x@t1", "1@x"):
        with pytest.raises(BadCursorError):
            await read(clinic, room, before=wrong)


async def test_who_is_in_the_new_room_alone_reads_that(clinic: Clinic, room: str) -> None:
    """Her history begins with it: the homeserver shows her nothing of the others, which may have shown her a page."""
    await say(clinic, room, "uno")
    await moved(clinic, room)
    await say(clinic, room, "dos")
    assert await bodies(clinic, room) == ["dos", "uno"]
    await clinic.homeserver.leave(user_id=LUCIA, room_id=room)
    assert await bodies(clinic, room) == ["dos"]


async def test_an_old_room_is_read_anew_while_it_may_change(clinic: Clinic, room: str) -> None:
    """A message that comes late there is on the next page that somebody reads."""
    await say(clinic, room, "uno")
    await moved(clinic, room)
    await say(clinic, room, "dos")
    assert len(await bodies(clinic, room)) == 2
    state(clinic, room, "m.room.power_levels")["events_default"] = 0
    await answer(clinic, room)
    assert len(await bodies(clinic, room)) == 3


async def test_a_second_look_asks_each_room_one_small_question(clinic: Clinic, room: str) -> None:
    """The page is in memory, as in a conversation that was never moved, and true: what is taken back is gone."""
    first = await say(clinic, room, "uno")
    await moved(clinic, room)
    for said in ([], ["dos"]):
        for body in said:
            await say(clinic, room, body)
        assert await bodies(clinic, room) == [*said, "uno"]
        clinic.homeserver.calls.clear()
        assert await bodies(clinic, room) == [*said, "uno"]
        assert [call["limit"] for call in clinic.homeserver.called("messages")] == [1, 1]
    await clinic.homeserver.send_event(
        user_id=KEEPER,
        device_id=None,
        room_id=room,
        event_type="m.room.redaction",
        txn_id="r",
        content={"redacts": first},
    )
    for _ in range(2):
        assert await bodies(clinic, room) == ["dos", None]


async def test_counts_and_times_are_the_conversation_s(clinic: Clinic, room: str) -> None:
    """What is unread in the old room stays so; the last message's time too; who is no party is told nothing."""
    for _ in range(2):
        last = await answer(clinic, room)
    (before,) = await clinic.main.conversations.list(user_id=LUCIA)
    new = await moved(clinic, room)
    assert await clinic.main.conversations.list(user_id=LUCIA) == [before]
    assert before.unread_count == 2
    await clinic.homeserver.join(user_id=GARCIA, room_id=new)
    await answer(clinic, new)
    (after,) = await clinic.main.conversations.list(user_id=LUCIA)
    assert (after.conversation_id, after.unread_count) == (room, 3)
    assert after.last_message_at > before.last_message_at
    assert last in [row.event_id for row in await clinic.rows(timeline)]
    for asked in (room, new):
        with pytest.raises(ConversationNotFoundError):
            await read(clinic, asked, reader=JUAN)


async def test_read_marks_go_to_the_message_s_room(clinic: Clinic, room: str) -> None:
    """One on the newest covers all before it, in whatever room."""
    old = await answer(clinic, room)
    new_room = await moved(clinic, room)
    await clinic.homeserver.join(user_id=GARCIA, room_id=new_room)
    new, last = await answer(clinic, new_room), await answer(clinic, new_room)
    main, rooms = clinic.main, clinic.homeserver.rooms
    marks = ReadMarks(
        database=main.database, matrix=main.matrix, conversations=main.conversations, now=main.now
    )
    read_up_to = {"reader": LUCIA, "conversation_id": None}
    clinic.homeserver.calls.clear()
    assert (await marks.mark_read(message_id=old, **read_up_to)).unread_count == 2
    assert rooms[room].receipts[LUCIA] == old
    for given, left in ((room, 1), (new_room, 1)):
        after = await marks.mark_read(message_id=new, reader=LUCIA, conversation_id=given)
        assert (after.conversation_id, after.unread_count) == (room, left)
    assert rooms[new_room].receipts[LUCIA] == new
    assert (await marks.mark_read(message_id=last, **read_up_to)).unread_count == 0
    statuses = {row.event_id: row.read_at for row in await clinic.rows(timeline) if row.is_message}
    assert all(statuses[event_id] is not None for event_id in (old, new, last))
    assert not clinic.homeserver.called("event")  # which room each is in we have seen


async def test_who_came_later_marks_nothing_in_the_old_room(clinic: Clinic, room: str) -> None:
    """She sees nothing of it; in the new one she may."""
    old = await answer(clinic, room)
    new_room = await moved(clinic, room)
    await acts(clinic, JUAN)
    await clinic.main.conversations.reconcile_due()
    await clinic.homeserver.join(user_id=GARCIA, room_id=new_room)
    new, main = await answer(clinic, new_room), clinic.main
    marks = ReadMarks(
        database=main.database, matrix=main.matrix, conversations=main.conversations, now=main.now
    )
    with pytest.raises(ConversationNotFoundError):
        await marks.mark_read(message_id=old, reader=JUAN, conversation_id=room)
    assert (await marks.mark_read(message_id=new, reader=JUAN, conversation_id=room)).unread_count == 0


async def test_a_receipt_in_the_new_room_is_for_the_old_messages_too(clinic: Clinic, room: str) -> None:
    """Garcia has read what stands before what she read."""
    first = await say(clinic, room, "uno")
    new_room = await moved(clinic, room)
    second = await say(clinic, room, "dos")
    receipt = Receipt(user_id=GARCIA, event_id=second, ts=int(clinic.clock().timestamp() * 1000))
    await clinic.main.inbound.receipts(await clinic.store("ephemeral"), new_room, [receipt])
    (page,) = await pages(clinic, room, limit=50)
    assert {one.message_id: one.status for one in page.messages} == {first: "read", second: "read"}
    assert [[reader.user_id for reader in one.read_by] for one in page.messages] == [[GARCIA], [GARCIA]]


async def test_files_of_all_rooms_are_found(clinic: Clinic, room: str) -> None:
    """By the ids that they had, of uploads and of messages; one uploaded before goes out after, once."""
    before, unsent = [(await upload(clinic, room, operation_id=one)).attachment_id for one in ("a", "b")]
    sent = await send_files(clinic, room, [before], operation_id="1")
    (page,) = await pages(clinic, room, limit=50)
    shown = page.messages[0].attachments[0].attachment_id
    new = await moved(clinic, room)
    after = (await upload(clinic, new, operation_id="c")).attachment_id
    both = await send_files(clinic, room, [unsent, after], operation_id="2")
    assert {sent.conversation_id, both.conversation_id} == {room}
    for attachment_id in (before, unsent, after, shown):
        assert await download(clinic, attachment_id) == PDF
    (page,) = await pages(clinic, room, limit=50)
    assert [one.attachments[0].attachment_id for one in page.messages] == [after, unsent, before]
    with pytest.raises(AttachmentUnusableError):
        await send_files(clinic, room, [unsent], operation_id="3")


async def test_streams_tell_of_the_conversation(clinic: Clinic, room: str) -> None:
    """By its id, with the words of messages of either room."""
    await say(clinic, room, "uno")
    await moved(clinic, room)
    await say(clinic, room, "dos")
    main = clinic.process()
    await main.placing.place()
    words = Bodies(database=main.database, matrix=main.matrix, encryption=main.encryption, recent=main.recent)
    streams = Streams(database=main.database, notifier=main.notifier, words=words, now=main.now)
    told, _, _ = await streams.read(LUCIA, after=0, with_bodies=True)
    messages = [one.data for one in told if one.name == "message"]
    assert [(one["conversation_id"], one["body"]) for one in messages] == [(room, "uno"), (room, "dos")]


async def test_a_reply_to_what_is_in_the_old_room(clinic: Clinic, room: str) -> None:
    """It is one message of the conversation to another; what is in none of its rooms is not found."""
    first = await say(clinic, room, "uno")
    await moved(clinic, room)
    message = {"sender": LUCIA, "conversation_id": room, "recipient": None, "body": "dos"}
    await clinic.main.messages.send(**message, reply_to=first, operation_id="reply")
    (page,) = await pages(clinic, room, limit=50)
    assert [one.reply_to for one in page.messages] == [first, None]


async def test_what_is_pushed_of_any_room_is_the_conversation_s(clinic: Clinic, room: str) -> None:
    """Handled with the push: a message and its redaction in the new room, a receipt in the old one."""
    first = await say(clinic, room, "uno")
    new = await moved(clinic, room)
    said = event(new)
    taken_back = event(new, "m.room.redaction", content={"redacts": said["event_id"]})
    receipt = {GARCIA: {"ts": 1_772_355_600_000}}
    read_in_old = {
        "type": "m.receipt",
        "room_id": room,
        "content": {first: {"m.read": receipt}},
    }
    assert await push(clinic.main, said, taken_back, ephemeral=[read_in_old]) == []
    rows = {row.event_id: row for row in await clinic.rows(timeline)}
    assert (rows[said["event_id"]].room_id, rows[said["event_id"]].is_taken_back) == (room, True)
    assert rows[first].read_at is not None
    assert clinic.main.recent.newest(new, limit=9) == []
    facts = [*await clinic.facts("message.received"), *await clinic.facts("message.redacted")]
    assert {fact.subject for fact in facts} == {room}
