"""The main job: an encrypted conversation between a managed patient and a professional on another homeserver."""

import asyncio

import pytest

from appointments.access import require_speaker
from bridge import app
from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.platform import LocalPlatform
from tests.e2e.element import ElementClient
from tests.e2e.joining import answer_arrives
from tests.e2e.world import PASSWORD, Pair, eventually, pair

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def login(element: ElementClient, servers: LocalPlatform, people: Pair) -> str:
    """Log the professional in for the first time; her recovery key."""
    answer = await element.login(servers.hospital.client_url, people.professional_name, PASSWORD)
    assert answer.recovery_key is not None
    return answer.recovery_key


async def test_a_doctor_who_never_logged_in_reads_the_first_message_and_answers(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """No undecryptable message and no shield, both ways, across a bridge restart and session rotations."""
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send(
            "Buenos días, doctora: ¿puedo dejar la dieta?", recipient=people.professional
        )
        room = first["conversation_id"]
        assert first["status"] == "sent"

        await login(element, servers, people)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        message = await element.wait_for_message(room, event_id=first["message_id"])
        assert message.body == "Buenos días, doctora: ¿puedo dejar la dieta?"
        assert message.is_trusted

        await element.send_text(room, "Sí, desde mañana.")
        await answer_arrives(people, room, "Sí, desde mañana.")

        await bridge.restart()
        after_restart = await people.api.send("Gracias. ¿Y el ejercicio?", conversation_id=room)
        assert (await element.wait_for_message(room, event_id=after_restart["message_id"])).is_trusted

        await element.rotate(room)
        await element.send_text(room, "También.")
        await answer_arrives(people, room, "También.")

        shown = await element.timeline(room, paginate=True)
        assert all(one.is_trusted for one in shown if one.sender != people.professional)


async def test_our_own_sessions_rotate_and_the_doctor_sees_no_difference(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """A room whose sessions end after two messages: her client trusts every one of five."""
    assert bridge.is_running
    few = servers.settings.encryption.model_copy(update={"rotation_period_msgs": 2})
    async with pair(servers) as people, ElementClient() as element:
        async with app.opened(servers.settings.model_copy(update={"encryption": few})) as gateway:
            async with gateway.database.read() as connection:
                care = await require_speaker(
                    connection, sender=people.patient, other=people.professional, now=gateway.now()
                )
            room = await gateway.conversations.open(care)
        await login(element, servers, people)
        await element.wait_for_invite(room_id=room)
        await element.join(room)

        async def session_after(body: str) -> str | None:
            sent = await people.api.send(body, conversation_id=room)
            message = await element.wait_for_message(room, event_id=sent["message_id"])
            assert message.is_trusted
            return message.session_id

        sessions = [await session_after(body) for body in ("uno", "dos", "tres", "cuatro", "cinco")]
        assert len(set(sessions)) == 3


async def test_edits_replies_and_redactions_of_another_client_are_in_the_history(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """An edited message keeps its id, a redacted one has no body, a reply names what it answers."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as element:
        first = await people.api.send("¿Cuándo vuelvo?", recipient=people.professional)
        room = first["conversation_id"]
        await login(element, servers, people)
        await element.wait_for_invite(room_id=room)
        await element.join(room)
        edited = await element.send_text(room, "El lunes", reply_to=first["message_id"])
        await element.edit(room, edited, "El martes")
        redacted = await element.send_text(room, "Esto era para otra persona")
        await element.redact(room, redacted)
        await element.react(room, first["message_id"], "👍")
        await element.send_text(room, "fin")
        await answer_arrives(people, room, "fin")

        by_id = {message["message_id"]: message for message in await people.api.history(room, page=2)}
        assert by_id[edited]["body"] == "El martes"
        assert by_id[edited]["edited_at"] is not None
        assert by_id[edited]["reply_to"] == first["message_id"]
        assert by_id[redacted]["body"] is None
        assert by_id[redacted]["redacted"]
        assert len(by_id) == 4
        reply = await people.api.send("Vale", conversation_id=room, reply_to=edited)
        shown = await element.wait_for_message(room, event_id=reply["message_id"])
        assert shown.relates_to == {"m.in_reply_to": {"event_id": edited}}


async def test_a_later_device_of_the_doctor_reads_everything_since_her_invitation(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """Her second device, signed by the same identity, gets the keys of what was sent before it existed."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as phone, ElementClient() as laptop:
        first = await people.api.send("uno", recipient=people.professional)
        room = first["conversation_id"]
        recovery_key = await login(phone, servers, people)
        await phone.wait_for_invite(room_id=room)
        await phone.join(room)
        await phone.wait_for_message(room, body="uno")
        second = await people.api.send("dos", conversation_id=room)

        await laptop.login(
            servers.hospital.client_url, people.professional_name, PASSWORD, recovery_key=recovery_key
        )
        for sent in (first, second):
            assert (await laptop.wait_for_message(room, event_id=sent["message_id"])).is_trusted


async def test_an_unsigned_device_gets_no_keys_and_is_told_so(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """Once the doctor has an identity, a device that it doesn't sign is refused both ways."""
    assert bridge.is_running
    async with pair(servers) as people, ElementClient() as phone, ElementClient() as stranger:
        first = await people.api.send("uno", recipient=people.professional)
        room = first["conversation_id"]
        await login(phone, servers, people)
        await phone.wait_for_invite(room_id=room)
        await phone.join(room)
        await phone.wait_for_message(room, body="uno")
        await stranger.login(
            servers.hospital.client_url, people.professional_name, PASSWORD, cross_signing=False
        )
        second = await people.api.send("dos", conversation_id=room)
        assert (await phone.wait_for_message(room, event_id=second["message_id"])).is_trusted

        async def reason() -> str | None:
            shown = {one.event_id: one for one in await stranger.timeline(room, paginate=True)}
            unread = shown.get(second["message_id"])
            return None if unread is None else unread.failure_reason

        await eventually(reason, until=lambda it: it == "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE")
        from_stranger = await stranger.send_text(room, "soy ella, de verdad")
        await phone.send_text(room, "fin")
        await answer_arrives(people, room, "fin")
        by_id = {message["message_id"]: message for message in await people.api.history(room)}
        assert by_id[from_stranger]["type"] == "undecryptable"
        assert by_id[from_stranger]["body"] is None


async def test_two_first_messages_at_once_open_one_room(
    servers: LocalPlatform, bridge: BridgeProcess
) -> None:
    """However many callers write first, there is one conversation with all their messages."""
    assert bridge.is_running
    async with pair(servers) as people:
        sent = await asyncio.gather(
            *(people.api.send(f"mensaje {n}", recipient=people.professional) for n in range(5))
        )
        (room,) = {one["conversation_id"] for one in sent}
        bodies = sorted(message["body"] for message in await people.api.history(room))
        assert bodies == [f"mensaje {n}" for n in range(5)]
        answer = await people.api.request("GET", "/api/conversations")
        assert [one["conversation_id"] for one in answer.body["conversations"]] == [room]
