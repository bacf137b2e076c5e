"""Appointments: booked, found, moved, cancelled, attended."""

from functools import partial

from bridge.http import appointment_list, appointments, attending, calendars
from bridge.http.appointment_models import (
    AppointmentAnswer,
    AppointmentPath,
    AppointmentsAnswer,
    AppointmentsQuery,
    AttendAppointment,
    BookAppointment,
    BookSeries,
    CancelAppointment,
    MoveAppointment,
    ReasonsAnswer,
    SeriesAnswer,
)
from bridge.http.problems import Problem
from bridge.http.routing import ANY_SESSION, MANAGED_SESSION, OWN_SESSION, Route

ONE_APPOINTMENT = "/api/appointments/{id}"
NO_CHANGE = (Problem.NOT_FOUND, Problem.APPOINTMENT_STATE, Problem.TOO_LATE, Problem.VERSION_CHANGED)
NO_TIME = (Problem.NOT_IN_CARE_TEAM, Problem.SLOT_TAKEN, Problem.SLOT_NOT_OFFERED)

about_one = partial(Route, scope="appointments", acts=True, sessions=ANY_SESSION, path_model=AppointmentPath)
"""A route about one appointment, for whoever takes part in it or acts for who does."""

_BOOKING = (
    Route(
        method="POST",
        path="/api/appointments",
        operation="book_appointment",
        handler=appointments.book_appointment,
        scope="appointments",
        acts=True,
        sessions=ANY_SESSION,
        body_model=BookAppointment,
        refuse=appointments.refuse_booking,
        answers={201: AppointmentAnswer},
        problems=NO_TIME,
    ),
    Route(
        method="POST",
        path="/api/appointment-series",
        operation="book_series",
        handler=appointments.book_series,
        scope="appointments",
        acts=True,
        sessions=ANY_SESSION,
        body_model=BookSeries,
        refuse=appointments.refuse_booking,
        answers={201: SeriesAnswer},
        problems=NO_TIME,
    ),
    Route(
        method="GET",
        path="/api/appointments",
        operation="list_appointments",
        handler=appointment_list.list_appointments,
        scope="appointments",
        may_act=True,
        sessions=ANY_SESSION,
        query_model=AppointmentsQuery,
        answers={200: AppointmentsAnswer},
    ),
    about_one(
        method="GET",
        path=f"{ONE_APPOINTMENT}.ics",
        operation="get_ics",
        handler=calendars.get_ics,
        answers={200: calendars.CALENDAR},
        problems=(Problem.NOT_FOUND,),
    ),
    about_one(
        method="GET",
        path=ONE_APPOINTMENT,
        operation="get_appointment",
        handler=appointments.get_appointment,
        answers={200: AppointmentAnswer},
        problems=(Problem.NOT_FOUND,),
    ),
    about_one(
        method="PATCH",
        path=ONE_APPOINTMENT,
        operation="move_appointment",
        handler=appointments.move_appointment,
        body_model=MoveAppointment,
        refuse=appointments.refuse_unknown,
        answers={200: AppointmentAnswer},
        problems=(*NO_CHANGE, *NO_TIME),
    ),
    about_one(
        method="POST",
        path=f"{ONE_APPOINTMENT}/cancel",
        operation="cancel_appointment",
        handler=appointments.cancel_appointment,
        body_model=CancelAppointment,
        body_is_optional=True,
        refuse=appointments.refuse_unknown,
        answers={200: AppointmentAnswer},
        problems=NO_CHANGE,
    ),
    Route(
        method="GET",
        path=f"{ONE_APPOINTMENT}/reasons",
        operation="get_reasons",
        handler=appointments.get_reasons,
        scope="appointments",
        acts=True,
        sessions=MANAGED_SESSION,
        path_model=AppointmentPath,
        answers={200: ReasonsAnswer},
        problems=(Problem.NOT_FOUND,),
    ),
)

_ATTENDANCE = tuple(
    Route(
        method="POST",
        path=f"{ONE_APPOINTMENT}/{verb}",
        operation=f"{verb}_appointment",
        handler=handler,
        scope="appointments",
        sessions=OWN_SESSION,
        path_model=AppointmentPath,
        body_model=AttendAppointment,
        body_is_optional=True,
        refuse=attending.refuse_unknown,
        answers={200: AppointmentAnswer},
        problems=(
            Problem.NOT_FOUND,
            Problem.NOT_THE_PROFESSIONAL,
            Problem.APPOINTMENT_STATE,
            Problem.TOO_EARLY,
            Problem.VERSION_CHANGED,
        ),
    )
    for verb, handler in (
        ("arrive", attending.arrive_appointment),
        ("fulfil", attending.fulfil_appointment),
        ("noshow", attending.noshow_appointment),
    )
)

APPOINTMENTS_ROUTES = (*_BOOKING, *_ATTENDANCE)
