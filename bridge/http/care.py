"""Care relationships over REST, for the systems that know them."""

from appointments.events import CareStarted
from appointments.services import list_care
from bridge.http.care_models import CareAnswer, CareListAnswer, CarePath, CareQuery, PutCare
from bridge.http.routing import Answer, Context, json_answer
from bridge.people import care


async def put_care(context: Context, *, path: CarePath, body: PutCare) -> Answer:
    """PUT /api/care/{patient}/{professional}: 201 for a new relationship, 200 for a known one."""
    services = context.services
    now = services.now()
    async with services.database.write() as connection:
        happened = await care.start_care(
            connection,
            sealer=services.sealer,
            servers=services.settings.homeserver.servers,
            bots=services.settings.bots,
            patient=path.patient,
            professional=path.professional,
            role=body.role,
            starts=body.starts or now,
            ends=body.ends,
            reason=body.reason,
            now=now,
        )
    await services.conversations.reconcile_due(patient=path.patient, professional=path.professional)
    status = 201 if isinstance(happened, CareStarted) else 200
    return json_answer(CareAnswer.model_validate(happened.care), status=status)


async def end_care(context: Context, *, path: CarePath) -> Answer:
    """DELETE /api/care/{patient}/{professional}: 204, may be repeated."""
    services = context.services
    async with services.database.write() as connection:
        await care.end_care(
            connection, patient=path.patient, professional=path.professional, now=services.now()
        )
    await services.conversations.reconcile_due(patient=path.patient, professional=path.professional)
    return Answer(status=204)


async def get_care(context: Context, *, query: CareQuery) -> Answer:
    """GET /api/care: the relationships of a patient, of a professional, or of the two; ended ones too."""
    services = context.services
    async with services.database.read() as connection:
        found = await list_care(connection, patient=query.patient, professional=query.professional)
    return json_answer(CareListAnswer(care=[CareAnswer.model_validate(one) for one in found]))
