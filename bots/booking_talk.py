"""The pieces of a talk about appointments: questions with numbered choices, and what became of an appointment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from appointments.errors import (
    CareError,
    NoOfferError,
    NotInCareTeamError,
    NotOfferedError,
    SlotTakenError,
    TooLateError,
    VersionChangedError,
    WrongStateError,
)
from appointments.intervals import Interval
from bots.booking_dialogue import LASTS, Action, Dialogue, Step
from bots.booking_ports import Bookable, Booked, Offer
from bots.booking_verbs import Outcome
from bots.i18n import Language, translate
from bots.replies import Asker, Reply, Turn
from bots.rpc import Status
from bots.spoken_times import spoken
from bots.when import Understood

_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Talk:
    """Who talks with us, in which language, on which occasion."""

    asker: Asker
    language: Language
    turn: Turn

    def say(self, key: str, **parameters: object) -> str:
        """This text, in her language."""
        return translate(self.language, f"booking.{key}", **parameters)

    def time(self, at: datetime) -> str:
        """Day and time on her clock."""
        return spoken(at, zone=self.asker.zone, language=self.language)


def reminder_dialogue(visit: Booked) -> Dialogue:
    """What can be answered to a reminder of this appointment, in the order in which it says so."""
    steps = (about(visit, "confirm"), about(visit, "offer"), about(visit, "ask-cancel"))
    return Dialogue(steps=steps, again=about(visit, "offer"), expires_at=visit.end)


def offer_dialogue(visit: Booked, offer: Offer) -> Dialogue:
    """What can be answered to an earlier time for this appointment; too late, that is said."""
    steps = (_of_offer(visit, offer, "accept"), _of_offer(visit, offer, "decline"))
    return Dialogue(steps=steps, expires_at=offer.start)


def visit_data(visit: Booked) -> dict[str, object]:
    """The appointment for programs, in the words of the REST API."""
    return {
        "id": visit.id,
        "professional": visit.professional,
        "patient": visit.patient,
        "start": visit.start.isoformat(),
        "end": visit.end.isoformat(),
        "status": visit.status,
        "version": visit.version,
    }


def offering(pair: Bookable, words: str) -> Step:
    """Show what is free with these two."""
    return Step(do="offer", professional=pair.professional, patient=pair.patient, words=words)


def about(visit: Booked, action: Action) -> Step:
    """Do this with an appointment."""
    return Step(
        do=action,
        professional=visit.professional,
        patient=visit.patient,
        appointment_id=visit.id,
        version=visit.version,
        start=visit.start,
    )


def _of_offer(visit: Booked, offer: Offer, action: Action) -> Step:
    return about(visit, action).model_copy(update={"offer_id": offer.id})


def ask(
    talk: Talk,
    steps: Sequence[Step],
    text: str,
    *,
    again: Step | None = None,
    status: Status = "ok",
    data: dict[str, Any] | None = None,
) -> Reply:
    """A question, and what can be chosen."""
    dialogue = Dialogue(steps=tuple(steps), again=again, expires_at=talk.turn.now + LASTS)
    return Reply(status, text, data or {}, dialogue)


def wanted_span(meant: Understood) -> Interval:
    """The span in which a visit should start: what was said, or from that instant on."""
    return meant if isinstance(meant, Interval) else Interval(meant, meant + _AHEAD)


def refused(language: Language, error: CareError) -> Reply:
    """Why something can't be, for who asked for it."""
    match error:
        case SlotTakenError() | NotOfferedError():
            return Reply("slot-taken", translate(language, "booking.taken"))
        case VersionChangedError() | WrongStateError() | TooLateError():
            return Reply("not-found", translate(language, "booking.changed"))
        case NotInCareTeamError():
            return Reply("not-in-care-team", translate(language, "booking.no-care"))
        case NoOfferError():
            return Reply("not-found", translate(language, "booking.offer-gone"))
        case _:
            return Reply("not-found", translate(language, "booking.gone"))


def done(talk: Talk, outcome: Outcome) -> Reply:
    """What became of an appointment."""
    visit = outcome.visit
    text = talk.say(outcome.became, time=talk.time(visit.start), who=visit.label)
    return Reply("ok", text, {"appointment": visit_data(visit)})


def numbered(lines: Sequence[str]) -> str:
    """The lines by their numbers."""
    return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, start=1))
