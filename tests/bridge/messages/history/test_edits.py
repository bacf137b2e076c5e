"""bridge/timeline/history.py: messages that were edited or taken back, and who may do so."""

from bridge.attachments.encrypted_file import Encryptor
from tests.bridge.clinic import JUAN, LUCIA, Clinic
from tests.bridge.messages.history.talking import bodies, edit, redact, say, send, shown


async def test_an_edit_changes_the_body_only(clinic: Clinic, room: str) -> None:
    """The last edit counts; the message keeps its id, time and place, and says when it was edited."""
    event_id = await say(clinic, room, "mañna", sender=JUAN)
    sent_at = clinic.clock()
    await say(clinic, room, edit(event_id, "manana"), sender=JUAN)
    await say(clinic, room, edit(event_id, "mañana"), sender=JUAN)
    edited_at = clinic.clock()
    await say(clinic, room, "bien")
    message, _ = await shown(clinic, room)
    assert (message.message_id, message.body) == (event_id, "mañana")
    assert (message.sent_at, message.edited_at) == (sent_at, edited_at)


async def test_a_files_caption_is_edited(clinic: Clinic, room: str) -> None:
    """What the doctor corrects beside a file is corrected for the patient, and the file stays."""
    file = Encryptor().described("mxc://hospital.example/abc").model_dump()
    content = {"msgtype": "m.file", "filename": "receta.pdf", "file": file}
    event_id = await say(clinic, room, content | {"body": "tome 2"}, sender=JUAN)
    (before,) = await shown(clinic, room)
    new = {"m.new_content": content | {"body": "tome 1"}}
    await say(clinic, room, edit(event_id, "") | new, sender=JUAN)
    (after,) = await shown(clinic, room)
    assert (before.body, before.edited_at) == ("tome 2", None)
    assert (after.body, after.edited_at, after.attachments) == ("tome 1", clinic.clock(), before.attachments)


async def test_nobody_edits_anothers_message(clinic: Clinic, room: str) -> None:
    """Not even when the homeserver says so: the edit's sender must be the message's."""
    event_id = await say(clinic, room, "sí")
    await say(clinic, room, edit(event_id, "no"), sender=JUAN)
    assert await bodies(clinic, room) == ["sí"]
    *_, original, forged = clinic.homeserver.rooms[room].events
    original["unsigned"] = {"m.relations": {"m.replace": forged}}
    (message,) = await shown(clinic, room)
    assert (message.body, message.edited_at) == ("sí", None)


async def test_an_edit_that_says_nothing_leaves_the_message(clinic: Clinic, room: str) -> None:
    """One without a new text, one of another kind, one that can't be decrypted, one that is malformed."""
    event_id = await say(clinic, room, "hola")
    for broken in (edit(event_id, 5), edit(event_id, "no") | {"m.new_content": "no"}):
        await say(clinic, room, broken)
        assert await bodies(clinic, room) == ["hola"]
    await say(clinic, room, edit(event_id, "no"), event_type="es.example.other")
    assert await bodies(clinic, room) == ["hola"]
    relation = {"rel_type": "m.replace", "event_id": event_id}
    await send(clinic, room, {"algorithm": "m.megolm.v1.aes-sha2", "m.relates_to": relation})
    assert await bodies(clinic, room) == ["hola"]
    clinic.homeserver.rooms[room].events[-1]["origin_server_ts"] = "now"
    assert await bodies(clinic, room) == ["hola"]


async def test_a_redacted_message_keeps_its_place(clinic: Clinic, room: str) -> None:
    """Its body and edits are gone for every reader."""
    event_id = await say(clinic, room, "uno")
    await say(clinic, room, edit(event_id, "uno, quizá"))
    await say(clinic, room, "dos")
    await redact(clinic, room, event_id)
    for reader in (LUCIA, JUAN):
        first, second = await shown(clinic, room, reader=reader)
        assert (first.message_id, first.body, first.redacted) == (event_id, None, True)
        assert (first.type, first.edited_at, second.body) == ("text", None, "dos")


async def test_a_redacted_edit_is_no_message(clinic: Clinic, room: str) -> None:
    """Taken back, nothing in it tells any more that it was an edit; but we knew."""
    event_id = await say(clinic, room, "uno")
    edit_id = await say(clinic, room, edit(event_id, "otro"))
    await redact(clinic, room, edit_id)
    (message,) = await shown(clinic, room)
    assert (message.body, message.edited_at, message.redacted) == ("uno", None, False)
