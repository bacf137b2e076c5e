"""Appointments for programs, over RPC: every action with its data, no numbers and no dialogue."""

from dataclasses import replace

from appointments.errors import CareError
from bots.booking_dialogue import Step
from bots.booking_ports import BookingDesk, Offer
from bots.booking_talk import Talk, done, refused, visit_data, wanted_span
from bots.booking_verbs import carry_out
from bots.i18n import Language, translate
from bots.replies import Asker, Reply, Turn
from bots.rpc import AppointmentArguments
from bots.when import understood

_MOST = 50


async def answer_call(
    desk: BookingDesk, arguments: AppointmentArguments, *, asker: Asker, language: Language, turn: Turn
) -> Reply:
    """The answer to `appointment` called by a program."""
    talk = Talk(asker, language, turn)
    try:
        match arguments.action:
            case "list":
                return await _list(desk, talk)
            case "slots":
                return await _slots(desk, arguments, talk)
            case _:
                return await _carried_out(desk, arguments, talk)
    except CareError as error:
        return refused(language, error)


async def _list(desk: BookingDesk, talk: Talk) -> Reply:
    visits = (await desk.visits(talk.asker.user_id))[:_MOST]
    text = "\n".join(f"{talk.time(one.start)} — {one.label}" for one in visits)
    return Reply("ok", text or talk.say("no-visits"), {"appointments": [visit_data(one) for one in visits]})


async def _slots(desk: BookingDesk, arguments: AppointmentArguments, talk: Talk) -> Reply:
    now = talk.turn.now
    meant = understood(arguments.when, now=now, zone=talk.asker.zone) if arguments.when else now
    if meant is None:
        return Reply("not-understood", talk.say("not-understood"))
    found = await desk.slots(
        talk.asker.user_id,
        professional=arguments.professional,
        within=wanted_span(meant),
        most=_MOST,
        moving=arguments.appointment_id,
    )
    text = "\n".join(talk.time(at) for at in found)
    return Reply("ok", text or talk.say("none-free"), {"slots": [at.isoformat() for at in found]})


async def _carried_out(desk: BookingDesk, arguments: AppointmentArguments, talk: Talk) -> Reply:
    person = talk.asker.user_id
    step = Step(
        do=arguments.action,
        professional=arguments.professional,
        patient=arguments.on_behalf_of or person,
        appointment_id=arguments.appointment_id,
        version=arguments.version,
        offer_id=arguments.offer_id,
        start=arguments.start,
    )
    outcome = await carry_out(desk, step, person=person, operation_id=talk.turn.event_id)
    if outcome is None:
        return Reply("malformed", translate(talk.language, "assistant.malformed"))
    told = done(talk, outcome)
    if outcome.became == "waits":
        return replace(told, data=told.data | {"offer": _offer_data(outcome.offer)})
    return told


def _offer_data(offer: Offer | None) -> dict[str, str] | None:
    if offer is None:
        return None
    return {"id": offer.id, "start": offer.start.isoformat(), "answer_by": offer.answer_by.isoformat()}
