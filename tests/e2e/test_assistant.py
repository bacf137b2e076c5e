"""The assistant, as people with Element's crypto meet it: invited, welcomed, answered, once and readably."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import yaml

from bridge.demo.bridge_process import BridgeProcess
from bridge.demo.homeserver import Homeserver
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.element import ElementClient, Message
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def in_chat(
    clinic: Clinic, homeserver: Homeserver, person: str
) -> AsyncGenerator[tuple[ElementClient, str]]:
    """This person's client, and her chat with the assistant, which she has joined."""
    assistant = clinic.platform.settings.assistant_id
    async with ElementClient() as element:
        await element.login(homeserver.client_url, person[1:].partition(":")[0], PASSWORD)
        invitation = await element.wait_for_invite(inviter=assistant)
        await element.join(invitation.room_id)
        yield element, invitation.room_id


async def answers(element: ElementClient, clinic: Clinic, room: str, count: int) -> list[Message]:
    """What the assistant has said, once it has said so many things."""
    assistant = clinic.platform.settings.assistant_id

    async def said() -> list[Message]:
        return [one for one in await element.timeline(room, paginate=True) if one.sender == assistant]

    await eventually(said, until=lambda seen: len(seen) >= count and all(one.is_trusted for one in seen))
    await asyncio.sleep(1.0)  # a repeated answer would come now
    return await said()


async def ask(element: ElementClient, clinic: Clinic, room: str, text: str) -> str:
    """The one answer to this text."""
    before = len(await answers(element, clinic, room, 0))
    await element.send_text(room, text)
    seen = await answers(element, clinic, room, before + 1)
    assert len(seen) == before + 1, [one.summary for one in seen]
    return str(seen[-1].body)


async def test_a_patient_is_welcomed_and_helped_and_opens_a_consultation(
    clinic: Clinic, bridge: BridgeProcess
) -> None:
    """The invitation is to a direct chat; !ayuda, nonsense, !consulta; the consult room appears for both."""
    assert bridge.is_running
    patient, professional = await clinic.patient(), await clinic.professional()
    await clinic.care(patient=patient, professional=professional)
    portal, hospital = clinic.platform.portal, clinic.platform.hospital
    async with in_chat(clinic, portal, patient) as (element, room), ElementClient() as doctor:
        (welcome,) = await answers(element, clinic, room, 1)
        assert "112" in str(welcome.body)
        assert "cifrado" in str(welcome.body)
        assert welcome.content["msgtype"] == "m.notice"
        assert "!consulta" in await ask(element, clinic, room, "!ayuda")
        assert "No he entendido" in await ask(element, clinic, room, "me duele la cabeza")
        assert professional in await ask(element, clinic, room, "  ¡CONSULTÁ ")
        answer = await ask(element, clinic, room, f"!consulta {professional}")
        link = next(word for word in answer.split() if word.startswith("https://matrix.to/#/"))
        invitation = await element.wait_for_invite(inviter=clinic.platform.settings.keeper_id)
        assert invitation.room_id in link

        await element.join(invitation.room_id)
        await element.send_text(invitation.room_id, "Buenos días, doctora")
        await doctor.login(hospital.client_url, professional[1:].partition(":")[0], PASSWORD)
        await doctor.wait_for_invite(room_id=invitation.room_id)
        await doctor.join(invitation.room_id)
        assert (await element.timeline(invitation.room_id))[-1].body == "Buenos días, doctora"
        members = {
            member
            for one in await doctor.rooms()
            if one.room_id == invitation.room_id
            for member in one.members
        }
        assert clinic.platform.settings.assistant_id not in members


async def test_a_doctor_of_the_hospital_drives_it_in_english_and_over_rpc(
    clinic: Clinic, bridge: BridgeProcess
) -> None:
    """Across federation: help in English, the list as data, the conversation opened by a command event."""
    assert bridge.is_running
    patient, professional = await clinic.pair()
    async with in_chat(clinic, clinic.platform.hospital, professional) as (element, room):
        await answers(element, clinic, room, 1)
        assert "!consult " in await ask(element, clinic, room, "!HELP")
        call = {
            "command": "consult",
            "arguments": {"with": patient},
            "locale": "en-GB",
            "timezone": "Europe/London",
        }
        called = await element.send_event(room, "es.videoconsulta.command", call)
        seen = await answers(element, clinic, room, 3)
        result = seen[-1]
        assert result.type == "es.videoconsulta.result"
        assert result.relates_to == {"rel_type": "m.reference", "event_id": called}
        assert result.content["status"] == "ok"
        assert result.content["data"]["with"] == patient
        invitation = await element.wait_for_invite(inviter=clinic.platform.settings.keeper_id)
        assert invitation.room_id == result.content["data"]["conversation_id"]
        malformed = await element.send_event(room, "es.videoconsulta.command", {"command": 7})
        result = (await answers(element, clinic, room, 4))[-1]
        assert (result.content["status"], result.relates_to) == (
            "malformed",
            {"rel_type": "m.reference", "event_id": malformed},
        )


async def test_edits_reactions_and_redactions_are_not_answered(clinic: Clinic, bridge: BridgeProcess) -> None:
    """What people do with messages that were answered is no message."""
    assert bridge.is_running
    patient, professional = await clinic.patient(), await clinic.professional()
    await clinic.care(patient=patient, professional=professional)
    async with in_chat(clinic, clinic.platform.portal, patient) as (element, room):
        await answers(element, clinic, room, 1)
        asked = await element.send_text(room, "!ayuda")
        await answers(element, clinic, room, 2)
        await element.edit(room, asked, "!consulta")
        await element.react(room, asked, "👍")
        await element.redact(room, asked)
        assert len(await answers(element, clinic, room, 2)) == 2


@pytest.mark.parametrize("delay_s", [0.05, 0.3])
async def test_a_kill_while_it_answers_repeats_nothing_and_loses_nothing(
    clinic: Clinic, bridge: BridgeProcess, delay_s: float
) -> None:
    """Five questions, the bridge killed in their midst: five answers, all readable."""
    patient, professional = await clinic.patient(), await clinic.professional()
    await clinic.care(patient=patient, professional=professional)
    async with in_chat(clinic, clinic.platform.portal, patient) as (element, room):
        await answers(element, clinic, room, 1)
        for number in range(5):
            await element.send_text(room, f"pregunta {number}")
            if number == 2:
                await asyncio.sleep(delay_s)
                await bridge.kill()
        await bridge.start()
        await bridge.wait_ready()
        assert len(await answers(element, clinic, room, 6)) == 6


async def test_in_consult_rooms_only_if_the_clinic_wants_it(clinic: Clinic, bridge: BridgeProcess) -> None:
    """Brought in and announced, answering commands there; sent home when the clinic changes its mind."""
    assistant = clinic.platform.settings.assistant_id
    patient, professional = await clinic.pair()
    async with clinic.api(patient) as api, ElementClient() as doctor:
        async with api.post(
            "/api/messages/send", json={"recipient": professional, "body": "hola"}
        ) as response:
            room = (await response.json())["conversation_id"]
        await doctor.login(clinic.platform.hospital.client_url, professional[1:].partition(":")[0], PASSWORD)
        await doctor.wait_for_invite(room_id=room)
        await doctor.join(room)

        async def membership() -> bool:
            return assistant in {
                member for one in await doctor.rooms() if one.room_id == room for member in one.members
            }

        assert not await membership()
        try:
            await restart_with(clinic, bridge, in_consult_rooms=True)
            (announced,) = await answers(doctor, clinic, room, 1)
            assert "asistente automático" in str(announced.body)
            await doctor.send_text(room, "entre nosotros")
            assert "!consulta" in await ask(doctor, clinic, room, "!ayuda")
        finally:
            await restart_with(clinic, bridge, in_consult_rooms=False)
        await eventually(membership, until=lambda is_in: not is_in)
        await doctor.send_text(room, "!ayuda")
        assert len(await answers(doctor, clinic, room, 2)) == 2


async def restart_with(clinic: Clinic, bridge: BridgeProcess, *, in_consult_rooms: bool) -> None:
    """Restart the bridge with this decision."""
    path = clinic.platform.config
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["assistant"] = {"in_consult_rooms": in_consult_rooms}
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    await bridge.restart()
