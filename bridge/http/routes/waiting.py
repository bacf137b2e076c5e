"""The waiting list: an earlier time is waited for, offered, taken or left."""

from bridge.http import waiting
from bridge.http.appointment_models import AppointmentAnswer, WaitingAnswer
from bridge.http.problems import Problem
from bridge.http.routes.appointments import NO_CHANGE, NO_TIME, ONE_APPOINTMENT, about_one

_WAITING = f"{ONE_APPOINTMENT}/waiting"

WAITING_ROUTES = (
    about_one(
        method="POST",
        path=_WAITING,
        operation="wait_for_earlier",
        handler=waiting.wait_for_earlier,
        answers={200: WaitingAnswer},
        problems=(Problem.NOT_FOUND, Problem.NOT_IN_CARE_TEAM, Problem.APPOINTMENT_STATE),
    ),
    about_one(
        method="GET",
        path=_WAITING,
        operation="get_waiting",
        handler=waiting.get_waiting,
        answers={200: WaitingAnswer},
        problems=(Problem.NOT_FOUND,),
    ),
    about_one(
        method="DELETE",
        path=_WAITING,
        operation="wait_no_longer",
        handler=waiting.wait_no_longer,
        answers={204: None},
        problems=(Problem.NOT_FOUND,),
    ),
    about_one(
        method="POST",
        path=f"{_WAITING}/accept",
        operation="accept_offer",
        handler=waiting.accept_offer,
        answers={200: AppointmentAnswer},
        problems=(Problem.NO_OFFER, *NO_CHANGE, *NO_TIME),
    ),
    about_one(
        method="POST",
        path=f"{_WAITING}/decline",
        operation="decline_offer",
        handler=waiting.decline_offer,
        answers={200: WaitingAnswer},
        problems=(Problem.NOT_FOUND, Problem.NO_OFFER),
    ),
)
