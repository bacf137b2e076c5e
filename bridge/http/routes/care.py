"""Who cares for whom, and who acts for a patient."""

from bridge.http.care import end_care, get_care, put_care
from bridge.http.care_models import (
    CareAnswer,
    CareListAnswer,
    CarePath,
    CareQuery,
    PutCare,
    PutRepresentation,
    RepresentationAnswer,
    RepresentationPath,
)
from bridge.http.representation import end_representation, put_representation
from bridge.http.routing import Route

CARE_ROUTES = (
    Route(
        method="PUT",
        path="/api/care/{patient}/{professional}",
        operation="put_care",
        handler=put_care,
        scope="care",
        path_model=CarePath,
        body_model=PutCare,
        answers={200: CareAnswer, 201: CareAnswer},
    ),
    Route(
        method="DELETE",
        path="/api/care/{patient}/{professional}",
        operation="end_care",
        handler=end_care,
        scope="care",
        path_model=CarePath,
        answers={204: None},
    ),
    Route(
        method="GET",
        path="/api/care",
        operation="get_care",
        handler=get_care,
        scope="care",
        query_model=CareQuery,
        answers={200: CareListAnswer},
    ),
    Route(
        method="PUT",
        path="/api/representatives/{patient}/{representative}",
        operation="put_representation",
        handler=put_representation,
        scope="care",
        path_model=RepresentationPath,
        body_model=PutRepresentation,
        answers={200: RepresentationAnswer, 201: RepresentationAnswer},
    ),
    Route(
        method="DELETE",
        path="/api/representatives/{patient}/{representative}",
        operation="end_representation",
        handler=end_representation,
        scope="care",
        path_model=RepresentationPath,
        answers={204: None},
    ),
)
