"""bridge/assistant/assistant.py: heard events and their single answers, in direct chats."""

from bots.i18n import translate
from bridge.storage.conversations import conversations
from bridge.storage.sends import sends
from tests.bridge.clinic import ASSISTANT, GARCIA, LUCIA, PORTAL, Clinic
from tests.bridge.mortality import Killed
from tests.bridge.persons import enter_person
from tests.bridge.trouble import UNREACHABLE, failing, works
from tests.bridge.visitor import Visitor

MARIA = f"@maria:{PORTAL}"
HELP = translate("es", "assistant.commands")


async def test_she_is_welcomed_once(clinic: Clinic, garcia: Visitor, room: str) -> None:
    """When she joins, in her language as far as we know it; joining again after leaving repeats nothing."""
    (welcome,) = await garcia.hears(room)
    assert welcome.event_type == "m.room.message"
    assert welcome.content["msgtype"] == "m.notice"
    assert "112" in welcome.content["body"]
    for membership in ("leave", "join"):
        content = {"membership": membership}
        await clinic.homeserver.send_state(
            user_id=ASSISTANT, room_id=room, event_type="m.room.member", state_key=GARCIA, content=content
        )
    assert await garcia.hears(room) == [welcome]


async def test_every_text_has_one_answer(garcia: Visitor, room: str) -> None:
    """Help, nonsense, the list, the conversation: in the order of the questions."""
    for text in ("!ayuda", "qué tal", "!consulta", f"!consulta {LUCIA}"):
        await garcia.say(room, text)
    ayuda, nonsense, contacts, opened = await garcia.answers(room)
    assert HELP in ayuda
    assert translate("es", "assistant.unknown") in nonsense
    assert LUCIA in contacts
    (made,) = [row.room_id for row in await garcia.clinic.rows(conversations) if row.patient == LUCIA]
    assert f"https://matrix.to/#/{made}?via=portal.example:8448" in opened
    assert garcia.clinic.homeserver.rooms[made].membership(GARCIA) == "invite"


async def test_names_that_we_know_are_shown(clinic: Clinic, garcia: Visitor, room: str) -> None:
    """From our own records, to those only who may consult the person."""
    async with clinic.database.write() as connection:
        await enter_person(
            connection, LUCIA, sealer=clinic.sealer, now=clinic.clock(), display_name="Lucía Prieto"
        )
    await garcia.say(room, "!consulta")
    await garcia.say(room, "!consulta lucia")
    listed, opened = await garcia.answers(room)
    assert f"Lucía Prieto ({LUCIA})" in listed
    assert "Lucía Prieto" in opened


async def test_a_command_event_has_a_result(garcia: Visitor, room: str) -> None:
    """With a reference to the event that it answers."""
    called = await garcia.send(
        room, "es.videoconsulta.command", {"command": "consult", "arguments": {"with": LUCIA}}
    )
    result = (await garcia.hears(room))[-1]
    assert result.event_type == "es.videoconsulta.result"
    assert result.content["m.relates_to"] == {"rel_type": "m.reference", "event_id": called.event_id}
    assert result.content["status"] == "ok"
    assert result.content["data"]["with"] == LUCIA


async def test_an_answer_in_a_thread_stays_there(garcia: Visitor, room: str) -> None:
    """Her client would show it elsewhere otherwise."""
    asked = await garcia.say(
        room, "!ayuda", **{"m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}}
    )
    relation = (await garcia.hears(room))[-1].content["m.relates_to"]
    assert (relation["rel_type"], relation["event_id"]) == ("m.thread", "$root")
    assert relation["m.in_reply_to"] == {"event_id": asked.event_id}


async def test_what_is_not_answered(clinic: Clinic, garcia: Visitor, room: str) -> None:
    """Notices, edits, clear text, what was redacted, others' and its own messages, rooms that are none of ours."""
    await garcia.send(room, "m.room.message", {"msgtype": "m.notice", "body": "!ayuda"})
    edit = {"rel_type": "m.replace", "event_id": "$1"}
    await garcia.say(room, "* !ayuda", **{"m.new_content": {}, "m.relates_to": edit})
    plain = {"user_id": GARCIA, "device_id": None, "room_id": room}
    await clinic.homeserver.send_event(
        **plain, event_type="m.room.message", txn_id="1", content={"msgtype": "m.text", "body": "!ayuda"}
    )
    await clinic.homeserver.send_event(**plain, event_type="m.room.encrypted", txn_id="2", content={})
    said = await garcia.say(room, "!ayuda")
    clinic.homeserver.rooms[room].events.pop()
    for changes in ({"sender": LUCIA}, {"sender": ASSISTANT}, {"room_id": "!other"}):
        await clinic.main.inbound.room_event(await clinic.store(), said.model_copy(update=changes))
    assert await garcia.answers(room) == []


async def test_what_can_not_be_read_is_said_so_once(clinic: Clinic, garcia: Visitor, room: str) -> None:
    """Its key never came. The same ciphertext under another event id, a replay, is not answered."""
    said = await garcia.say(room, "!ayuda")
    broken = said.model_copy(update={"event_id": "$b", "content": said.content | {"session_id": "unknown"}})
    for event in (broken, broken):
        await clinic.main.inbound.room_event(await clinic.store(), event)
    await clinic.main.inbound.room_event(await clinic.store(), said)
    await clinic.main.inbound.room_event(
        await clinic.store(), said.model_copy(update={"event_id": "$replay"})
    )
    unreadable, answer = await garcia.answers(room)
    assert unreadable == translate("es", "assistant.unreadable")
    assert HELP in answer


async def test_death_at_any_step_gives_one_answer_and_one_room(
    clinic: Clinic, garcia: Visitor, room: str
) -> None:
    """Killed at each commit and request in turn; the dispatcher hands the event over again, the job delivers."""
    for dies_at in range(1, 80):
        patient = f"@portal_p{dies_at}:{PORTAL}"
        await clinic.manage(patient)
        await clinic.start_care(patient, GARCIA)
        rooms_before, answers_before = len(clinic.homeserver.rooms), len(await garcia.answers(room))
        asked = await garcia.say(room, f"!consulta {patient}")
        clinic.homeserver.rooms[room].events.pop()
        seq = await clinic.store()
        try:
            await clinic.process(dies_at=dies_at).inbound.room_event(seq, asked)
        except Killed:
            if not await clinic.is_processed(seq):
                await clinic.process().inbound.room_event(seq, asked)
            await clinic.process().outbox.deliver_waiting()
            survived = False
        else:
            survived = True
        assert await clinic.is_processed(seq)
        answers = await garcia.answers(room)
        assert len(answers) == answers_before + 1, dies_at
        assert "https://matrix.to/#/" in answers[-1], dies_at
        assert len(clinic.homeserver.rooms) == rooms_before + 1, dies_at
        if survived:
            break
    assert survived
    assert dies_at > 15


async def test_an_answer_waits_for_the_homeserver(clinic: Clinic, garcia: Visitor, room: str) -> None:
    """The event is done, the answer is in the outbox and goes out later."""
    await garcia.say(room, "!ayuda")
    clinic.homeserver.before = failing(UNREACHABLE, "send_event", about=ASSISTANT)
    await clinic.push()
    assert await garcia.answers(room) == []
    clinic.homeserver.before = works
    await clinic.process().outbox.deliver_waiting()
    assert len(await garcia.answers(room)) == 1


async def test_who_asks_for_a_room_while_the_homeserver_is_down_is_told(
    clinic: Clinic, garcia: Visitor, room: str
) -> None:
    """Not silence, and no endless retry that would hold up the chat."""
    clinic.homeserver.before = failing(UNREACHABLE, "create_room")
    await garcia.say(room, f"!consulta {LUCIA}")
    assert await garcia.answers(room) == [translate("es", "assistant.not-now")]


async def test_words_are_sealed_or_encrypted(clinic: Clinic, garcia: Visitor, room: str) -> None:
    """What the assistant says, and to whom, is nowhere in clear in our database."""
    await garcia.say(room, f"!consulta {LUCIA}")
    await garcia.answers(room)
    for row in await clinic.rows(sends):
        assert "matrix.to" not in str(row)
        assert LUCIA not in str(row.content)
