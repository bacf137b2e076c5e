"""Appointments by Web Push: that there is something about one, never what, when, with whom or why."""

from bridge.clock import Now
from bridge.deliveries import claims, ledger, subscriptions
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import NotWantedError
from bridge.deliveries.ledger import Delivery
from bridge.notices.judging import Judging
from bridge.notifications.push_sender import PushSender
from bridge.storage.database import Database


class AppointmentPushSender:
    """bridge.notifications.courier.Sender of everything that is told of appointments.

    What was planned for a person becomes, once it is due, a delivery for each browser that she has by then: so one
    that doesn't answer costs the others nothing, and none is told twice.
    """

    def __init__(self, *, database: Database, judging: Judging, pushes: PushSender, now: Now) -> None:
        self._database = database
        self._judging = judging
        self._pushes = pushes
        self._now = now

    async def send(self, delivery: Claimed) -> None:
        """As in Sender."""
        if "subscription_id" not in delivery.data:
            await self._share_out(delivery)
            return
        async with self._database.read() as connection:
            appointment = (await self._judging.require_wanted(connection, delivery)).appointment
        known = appointment.holds_for or appointment.id  # an offer is about the appointment that waits
        await self._pushes.push(delivery, {"kind": "appointment", "appointment_id": known})

    async def _share_out(self, delivery: Claimed) -> None:
        async with self._database.write() as connection:
            if not await claims.hold(connection, delivery):
                raise NotWantedError
            await self._judging.require_wanted(connection, delivery)
            for _, subscription_id in await subscriptions.ids_of(connection, [delivery.person]):
                of_browser = Delivery(
                    id=f"{delivery.id}:{subscription_id}",
                    person=delivery.person,
                    channel="push",
                    kind=delivery.kind,
                    subject=delivery.subject,
                    due_at=self._now(),
                    data={**delivery.data, "subscription_id": subscription_id},
                )
                await ledger.enqueue(connection, of_browser, sealer=self._judging.sealer)
