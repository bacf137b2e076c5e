"""Browsers that take pushes, over REST."""

from bridge.couriers import vapid_of
from bridge.deliveries import subscriptions
from bridge.deliveries.webpush import decode
from bridge.http import push_gateway
from bridge.http.push_models import PushKeyAnswer, Subscribe, SubscriptionAnswer, SubscriptionPath
from bridge.http.routing import Answer, Context, json_answer
from bridge.notices.notices import note_wishes


async def get_push_key(context: Context) -> Answer:
    """GET /api/notifications/push-key."""
    return json_answer(PushKeyAnswer(public_key=vapid_of(context.services.settings).public_key))


async def subscribe(context: Context, *, body: Subscribe) -> Answer:
    """POST /api/notifications/push-subscriptions: this browser takes the caller's pushes."""
    services = context.services
    async with services.database.write() as connection:
        had_one = await subscriptions.ids_of(connection, [context.acting_for])
        made = await subscriptions.add(
            connection,
            sealer=services.sealer,
            person=context.acting_for,
            endpoint=body.endpoint,
            p256dh=decode(body.keys.p256dh),
            auth=decode(body.keys.auth),
            most=services.settings.push.browsers_per_person,
            now=services.now(),
        )
        if not had_one:
            await note_wishes(connection, person=context.acting_for, now=services.now())
    gateway_url = services.settings.public_url.rstrip("/") + push_gateway.PATH
    return json_answer(SubscriptionAnswer(subscription_id=made, gateway_url=gateway_url), status=201)


async def unsubscribe(context: Context, *, path: SubscriptionPath) -> Answer:
    """DELETE /api/notifications/push-subscriptions/{subscription_id}: 204, may be repeated."""
    async with context.services.database.write() as connection:
        await subscriptions.remove(
            connection, person=context.acting_for, subscription_id=path.subscription_id
        )
    return Answer(status=204)
