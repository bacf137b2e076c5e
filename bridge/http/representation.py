"""Representations over REST, for the systems that know them."""

from appointments.events import RepresentationStarted
from bridge.http.care_models import PutRepresentation, RepresentationAnswer, RepresentationPath
from bridge.http.routing import Answer, Context, json_answer
from bridge.people import representation


async def put_representation(
    context: Context, *, path: RepresentationPath, body: PutRepresentation
) -> Answer:
    """PUT /api/representatives/{patient}/{representative}: 201 for a new one, 200 for a known one."""
    services = context.services
    now = services.now()
    async with services.database.write() as connection:
        happened = await representation.start_representation(
            connection,
            sealer=services.sealer,
            servers=services.settings.homeserver.servers,
            bots=services.settings.bots,
            patient=path.patient,
            representative=path.representative,
            scopes=frozenset(body.scopes),
            starts=body.starts or now,
            ends=body.ends,
            reason=body.reason,
            now=now,
        )
    await services.conversations.reconcile_due(patient=path.patient)
    status = 201 if isinstance(happened, RepresentationStarted) else 200
    return json_answer(RepresentationAnswer.model_validate(happened.representation), status=status)


async def end_representation(context: Context, *, path: RepresentationPath) -> Answer:
    """DELETE /api/representatives/{patient}/{representative}: 204, may be repeated."""
    services = context.services
    async with services.database.write() as connection:
        await representation.end_representation(
            connection,
            patient=path.patient,
            representative=path.representative,
            now=services.now(),
        )
    await services.conversations.reconcile_due(patient=path.patient)
    return Answer(status=204)
