"""bridge/reminding/push.py: appointments by Web Push, through a push service on loopback."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import http_ece
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry

from appointments import booking_services as booking
from appointments.quiet_hours import QuietHours
from appointments.waiting_services import wait_for_earlier
from bridge.deliveries import preferences, subscriptions
from bridge.deliveries.preferences import Preferences
from bridge.deliveries.webpush import Vapid
from bridge.notices.appointment_facts import record_appointment
from bridge.notices.judging import Judging
from bridge.notices.notices import note_wishes
from bridge.notices.settings import ReminderSettings
from bridge.notifications.courier import ByTopic, Courier
from bridge.notifications.push_sender import PushSender
from bridge.openid.fakes import FakeDns
from bridge.openid.https import PinnedHttps, other_servers_session, tls_context
from bridge.reminding.push import AppointmentPushSender
from bridge.storage.deliveries import deliveries
from tests.bridge.clinic import GARCIA, LUCIA
from tests.bridge.notifications.browser import decode_point
from tests.bridge.notifications.push_service import PushService, push_service
from tests.bridge.reminding.reminders import TUESDAY_10, Reminders

AUTH = b"a" * 16
KEY = ec.generate_private_key(ec.SECP256R1())
MADRID = ZoneInfo("Europe/Madrid")


@dataclass
class Pushes:
    """Lucía, whom the clinic manages, and a push service."""

    reminders: Reminders
    service: PushService
    courier: Courier

    async def subscribe(self, browser: int = 1) -> None:
        """A browser of hers, as over REST."""
        clinic = self.reminders.clinic
        async with clinic.database.write() as connection:
            await subscriptions.add(
                connection,
                sealer=clinic.sealer,
                person=LUCIA,
                endpoint=self.service.endpoint(browser=browser),
                p256dh=decode_point(KEY),
                auth=AUTH,
                most=10,
                now=clinic.clock(),
            )
            await note_wishes(connection, person=LUCIA, now=clinic.clock())

    async def wants(self, wanted: Preferences) -> None:
        """What Lucía says; nothing is planned anew."""
        clinic = self.reminders.clinic
        async with clinic.database.write() as connection:
            await preferences.put(connection, wanted, sealer=clinic.sealer, person=LUCIA, now=clinic.clock())

    async def tick(self) -> list[Any]:
        """What the scheduler does on a beat; what every push that came until then says."""
        await self.reminders.tick()
        await self.courier.deliver_due("push")
        return [
            json.loads(http_ece.decrypt(body, private_key=KEY, auth_secret=AUTH, version="aes128gcm"))
            for _, body in self.service.pushes
        ]


@pytest.fixture
async def pushes(reminders: Reminders, tmp_path: Any) -> AsyncIterator[Pushes]:
    """Nobody has subscribed yet."""
    clinic = reminders.clinic
    judging = Judging(sealer=clinic.sealer, settings=ReminderSettings(), now=clinic.clock)
    async with push_service(tmp_path) as service, other_servers_session() as http:
        sender = PushSender(
            database=clinic.database,
            sealer=clinic.sealer,
            https=PinnedHttps(
                http=http, dns=FakeDns({}), tls=tls_context(service.authority), allow_private=True
            ),
            vapid=Vapid(seed=b"s" * 32, contact=None),
            now=clinic.clock,
        )
        appointments = AppointmentPushSender(
            database=clinic.database, judging=judging, pushes=sender, now=clinic.clock
        )
        courier = Courier(
            database=clinic.database,
            sealer=clinic.sealer,
            senders={"push": ByTopic({"message": sender, "appointment": appointments})},
            now=clinic.clock,
            registry=CollectorRegistry(),
        )
        yield Pushes(reminders, service, courier)


async def test_a_change_and_its_reminders_are_pushed_without_a_word(pushes: Pushes) -> None:
    """To who subscribed, each once, none early: that there is something about an appointment, and its id."""
    await pushes.subscribe()
    one = await pushes.reminders.book(TUESDAY_10 + timedelta(hours=2), patient=LUCIA, by=GARCIA)
    said = {"kind": "appointment", "appointment_id": one.id}
    assert await pushes.tick() == [said]
    for count, before in enumerate((timedelta(days=1), timedelta(hours=2), timedelta(minutes=10)), 2):
        due = TUESDAY_10 + timedelta(hours=2) - before
        pushes.reminders.clinic.clock.at = due - timedelta(seconds=1)
        assert await pushes.tick() == [said] * (count - 1)
        pushes.reminders.clinic.clock.at = due
        for _ in range(2):
            assert await pushes.tick() == [said] * count
    await pushes.reminders.move(one, TUESDAY_10 + timedelta(hours=6))
    assert await pushes.tick() == [said] * 5
    topics = {headers["Topic"] for headers, _ in pushes.service.pushes}
    assert len(topics) == 1  # the newest one replaces what still waits
    assert all(one.id not in str(headers) for headers, _ in pushes.service.pushes)


async def test_every_browser_hears_of_it_and_one_that_is_gone_costs_nothing(pushes: Pushes) -> None:
    """A browser for the telephone, one at home; who subscribed after the booking is reminded too."""
    one = await pushes.reminders.book(TUESDAY_10 + timedelta(hours=2), patient=LUCIA, by=LUCIA)
    assert await pushes.tick() == []
    clinic = pushes.reminders.clinic
    for browser in (1, 2):
        await pushes.subscribe(browser)
        await pushes.tick()
    clinic.clock.at = TUESDAY_10
    assert await pushes.tick() == [{"kind": "appointment", "appointment_id": one.id}] * 2
    pushes.service.answer = web.Response(status=410)
    clinic.clock.at = TUESDAY_10 + timedelta(hours=1, minutes=50)
    await pushes.tick()
    assert [row for row in await clinic.rows(deliveries) if row.channel == "push" and not row.done_at] == []
    assert await clinic.facts("delivery.given_up") == []


async def test_only_who_wants_it_and_when(pushes: Pushes) -> None:
    """Switched off, or in quiet hours: asked when it is due."""
    await pushes.subscribe()
    quiet = QuietHours(time(9), time(9, 30), MADRID)
    await pushes.wants(Preferences(quiet_hours=quiet))
    await pushes.reminders.book(TUESDAY_10 + timedelta(hours=2), patient=LUCIA, by=GARCIA)
    await pushes.reminders.book(TUESDAY_10 + timedelta(hours=3), patient=LUCIA, by=LUCIA)  # which is no news
    assert await pushes.tick() == []
    pushes.reminders.clinic.clock.pass_by(minutes=30)
    assert len(await pushes.tick()) == 1
    await pushes.wants(Preferences(push=False))
    pushes.reminders.clinic.clock.at = TUESDAY_10
    assert len(await pushes.tick()) == 1


async def test_what_was_moved_is_not_pushed_to_anybody(pushes: Pushes) -> None:
    """Shared out to her browsers, which could not be reached, and then moved: the old one is dropped."""
    await pushes.subscribe()
    one = await pushes.reminders.book(TUESDAY_10 + timedelta(hours=2), patient=LUCIA, by=LUCIA)
    await pushes.tick()
    pushes.service.answer = web.Response(status=503)
    clinic = pushes.reminders.clinic
    clinic.clock.at = TUESDAY_10
    await pushes.tick()
    await pushes.reminders.move(one, TUESDAY_10 + timedelta(hours=6))
    pushes.service.answer = None
    came = len(pushes.service.pushes)
    clinic.clock.pass_by(minutes=5)
    assert len(await pushes.tick()) == came + 1  # that it was moved
    open_ones = [row.id for row in await clinic.rows(deliveries) if row.channel == "push" and not row.done_at]
    assert all(":2:" in row for row in open_ones)


async def test_an_earlier_time_is_pushed_as_news_of_the_appointment_that_waits(pushes: Pushes) -> None:
    """The page looks that one up; the time that is kept is no appointment of its own there."""
    await pushes.subscribe()
    clinic = pushes.reminders.clinic
    freed = await pushes.reminders.book(TUESDAY_10, patient=LUCIA, by=LUCIA)
    late = await pushes.reminders.book(TUESDAY_10 + timedelta(days=1), patient=LUCIA, by=LUCIA)
    before = len(await pushes.tick())
    async with clinic.database.write() as connection:
        await wait_for_earlier(connection, appointment_id=late.id, by=LUCIA, now=clinic.clock())
        await booking.cancel(
            connection, appointment_id=freed.id, by=LUCIA, now=clinic.clock(), record=record_appointment
        )
    told = (await pushes.tick())[before:]
    assert {"kind": "appointment", "appointment_id": late.id} in told
    assert {one["appointment_id"] for one in told} <= {late.id, freed.id}
