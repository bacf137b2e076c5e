"""When professionals can be booked: schedules and free slots."""

from bridge.http import schedules
from bridge.http.problems import Problem
from bridge.http.routing import ANY_SESSION, OWN_SESSION, Route
from bridge.http.schedule_models import (
    AnySlotsAnswer,
    ProfessionalPath,
    ScheduleModel,
    SlotsAnswer,
    SlotsQuery,
)

_SCHEDULE = "/api/professionals/{user_id}/schedule"

SCHEDULES_ROUTES = (
    Route(
        method="PUT",
        path=_SCHEDULE,
        operation="put_schedule",
        handler=schedules.put_schedule,
        scope="appointments",
        sessions=OWN_SESSION,
        path_model=ProfessionalPath,
        body_model=ScheduleModel,
        answers={200: ScheduleModel, 201: ScheduleModel},
        problems=(Problem.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path=_SCHEDULE,
        operation="get_schedule",
        handler=schedules.get_schedule,
        scope="appointments",
        sessions=OWN_SESSION,
        path_model=ProfessionalPath,
        answers={200: ScheduleModel},
        problems=(Problem.NOT_FOUND,),
    ),
    Route(
        method="GET",
        path="/api/professionals/{user_id}/slots",
        operation="get_slots",
        handler=schedules.get_slots,
        scope="appointments",
        may_act=True,
        sessions=ANY_SESSION,
        path_model=ProfessionalPath,
        query_model=SlotsQuery,
        answers={200: SlotsAnswer},
        problems=(Problem.NOT_IN_CARE_TEAM,),
    ),
    Route(
        method="GET",
        path="/api/slots",
        operation="get_any_slots",
        handler=schedules.get_any_slots,
        scope="appointments",
        acts=True,
        sessions=ANY_SESSION,
        query_model=SlotsQuery,
        answers={200: AnySlotsAnswer},
    ),
)
