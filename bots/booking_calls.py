"""Appointments for programs, over RPC: every action with its data, no numbers and no dialogue."""

from dataclasses import replace
from datetime import datetime

from appointments.errors import CareError
from bots.booking_ports import Booked, BookingDesk, Offer
from bots.booking_talk import refused, visit_data, wanted_span
from bots.i18n import Language, translate
from bots.replies import Asker, Reply, Turn
from bots.rpc import AppointmentArguments
from bots.spoken_times import spoken
from bots.when import understood

_MOST = 50


async def answer_call(
    desk: BookingDesk, arguments: AppointmentArguments, *, asker: Asker, language: Language, turn: Turn
) -> Reply:
    """The answer to `appointment` called by a program."""
    try:
        return await _answer(desk, arguments, asker, language, turn)
    except CareError as error:
        return refused(language, error)


async def _answer(
    desk: BookingDesk, arguments: AppointmentArguments, asker: Asker, language: Language, turn: Turn
) -> Reply:
    if arguments.action == "list":
        return await _list(desk, asker, language)
    if arguments.action == "slots":
        return await _slots(desk, arguments, asker, language, turn)
    if arguments.action == "book" and arguments.start is not None:
        patient = arguments.on_behalf_of or asker.user_id
        booked = await desk.book(
            asker.user_id,
            operation_id=turn.event_id,
            professional=arguments.professional,
            patient=patient,
            start=arguments.start,
        )
        return _done("booked", booked, asker, language)
    return await _change(desk, arguments, asker, language)


async def _change(
    desk: BookingDesk, arguments: AppointmentArguments, asker: Asker, language: Language
) -> Reply:
    person, known, version = asker.user_id, arguments.appointment_id or "", arguments.version
    if arguments.action == "move" and arguments.start is not None:
        moved = await desk.move(person, appointment_id=known, version=version, start=arguments.start)
        return _done("moved", moved, asker, language)
    if arguments.action == "cancel":
        cancelled = await desk.cancel(person, appointment_id=known, version=version)
        return _done("cancelled", cancelled, asker, language)
    if arguments.action == "confirm":
        confirmed = await desk.confirm(person, appointment_id=known, version=version)
        return _done("confirmed", confirmed, asker, language)
    return await _wait(desk, arguments, asker, language)


async def _wait(
    desk: BookingDesk, arguments: AppointmentArguments, asker: Asker, language: Language
) -> Reply:
    person, known, offer_id = asker.user_id, arguments.appointment_id or "", arguments.offer_id
    match arguments.action:
        case "wait":
            waits = await desk.wait(person, known)
            told = _done("waits", waits.visit, asker, language)
            return replace(told, data=told.data | {"offer": _offer_data(waits.offer)})
        case "wait-no-longer":
            return _done("waits-no-longer", await desk.wait_no_longer(person, known), asker, language)
        case "accept":
            accepted = await desk.accept_offer(person, appointment_id=known, offer_id=offer_id)
            return _done("moved", accepted, asker, language)
        case "decline":
            declined = await desk.decline_offer(person, appointment_id=known, offer_id=offer_id)
            return _done("declined", declined, asker, language)
        case _:
            return Reply("malformed", translate(language, "assistant.malformed"))


async def _list(desk: BookingDesk, asker: Asker, language: Language) -> Reply:
    visits = (await desk.visits(asker.user_id))[:_MOST]
    text = "\n".join(_line(one, asker, language) for one in visits)
    data = {"appointments": [visit_data(one) for one in visits]}
    return Reply("ok", text or translate(language, "booking.no-visits"), data)


async def _slots(
    desk: BookingDesk, arguments: AppointmentArguments, asker: Asker, language: Language, turn: Turn
) -> Reply:
    meant = understood(arguments.when, now=turn.now, zone=asker.zone) if arguments.when else turn.now
    if meant is None:
        return Reply("not-understood", translate(language, "booking.not-understood"))
    found = await desk.slots(
        asker.user_id,
        professional=arguments.professional,
        within=wanted_span(meant),
        most=_MOST,
        moving=arguments.appointment_id,
    )
    text = "\n".join(spoken(at, zone=asker.zone, language=language) for at in found)
    return Reply(
        "ok", text or translate(language, "booking.none-free"), {"slots": [_iso(at) for at in found]}
    )


def _done(key: str, visit: Booked, asker: Asker, language: Language) -> Reply:
    time = spoken(visit.start, zone=asker.zone, language=language)
    text = translate(language, f"booking.{key}", time=time, who=visit.label)
    return Reply("ok", text, {"appointment": visit_data(visit)})


def _line(visit: Booked, asker: Asker, language: Language) -> str:
    return f"{spoken(visit.start, zone=asker.zone, language=language)} — {visit.label}"


def _offer_data(offer: Offer | None) -> dict[str, str] | None:
    if offer is None:
        return None
    return {"id": offer.id, "start": _iso(offer.start), "answer_by": _iso(offer.answer_by)}


def _iso(at: datetime) -> str:
    return at.isoformat()
