"""Running: the listener, the dispatcher, the fixed jobs; all in one process or each role in its own.

- `api`: REST for integrators, metrics, documentation.
- `bots`: the homeserver's transactions and what follows from them.
- `scheduler`: retries of what had to wait, and cleaning up.
"""

import asyncio
import errno
import gc
import logging
import signal
import uuid
from collections.abc import Collection
from contextlib import AsyncExitStack
from functools import partial
from typing import Literal, get_args

from aiohttp import web
from prometheus_client import CollectorRegistry

from bridge import pruning
from bridge.app import Platform, opened
from bridge.bookings import pass_on_lapsed
from bridge.couriers import telling_jobs
from bridge.http.limits import LoginLimits, PushLimits, RequestLimits
from bridge.http.ports import Services
from bridge.http.push_gateway import PushGateway
from bridge.http.server import runner_of
from bridge.inbound.missed import MissedEvents
from bridge.inbound.policy import policy_routes
from bridge.inbound.transactions import Transactions, appservice_routes
from bridge.inbound.wake import Recovery, Wake
from bridge.oidc.verifier import oidc_verifier
from bridge.openid.https import other_servers_session
from bridge.openid.opening import openid_verifier
from bridge.people.identities import IdentityWatch
from bridge.readiness import database_works, homeserver_answers
from bridge.reminders import reminding_jobs
from bridge.rooms.introductions import Introductions
from bridge.rooms.strangers import StrangerWatch
from bridge.scheduler import Job, Scheduler
from bridge.settings import Settings, SettingsError
from bridge.states import receipts
from bridge.states.delivery import Delivery

log = logging.getLogger(__name__)

_NEW_OBJECTS = 20_000

Role = Literal["api", "bots", "scheduler"]
ROLES: tuple[Role, ...] = get_args(Role)


async def run(settings: Settings, *, roles: Collection[Role] = ROLES) -> None:
    """Serve until SIGINT or SIGTERM. Raises DatabaseUnusableError; SettingsError, for a port that is taken too."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        platform = await stack.enter_async_context(opened(settings))
        recovery = _recovery(platform)
        registry = CollectorRegistry()
        transactions = _transactions(platform, recovery)
        await _listen(stack, platform, transactions, roles, registry=registry)
        if "bots" in roles:
            await platform.dispatcher.start()
            stack.push_async_callback(platform.dispatcher.stop)
            recovery.start()
            stack.push_async_callback(recovery.stop)
        jobs = [Job("unload idle devices", 60, platform.encryption.unload_idle)]
        if "bots" in roles:
            jobs += _jobs_of_bots(platform, recovery, transactions)
        if "scheduler" in roles:
            jobs += [
                *_jobs_of_scheduler(platform, registry=registry),
                *reminding_jobs(platform),
                *await telling_jobs(stack, platform, registry=registry),
            ]
        scheduler = Scheduler(jobs)
        scheduler.start()
        stack.push_async_callback(scheduler.stop)
        # What is there now stays: Python would look through all of it, for a tenth of a second, again and again.
        gc.collect()
        gc.freeze()
        # Of what a request leaves behind nearly nothing is a cycle: Python looks for those less often than its 700.
        gc.set_threshold(_NEW_OBJECTS)
        log.info("serving %s at http://%s:%d", ", ".join(roles), settings.http.host, settings.http.port)
        await stopped.wait()


async def _listen(
    stack: AsyncExitStack,
    platform: Platform,
    transactions: Transactions,
    roles: Collection[Role],
    *,
    registry: CollectorRegistry,
) -> None:
    hs_token = platform.settings.appservice.hs_token.get_secret_value()
    for_homeserver = [
        *appservice_routes(hs_token=hs_token, transactions=transactions),
        *policy_routes(settings=platform.settings, database=platform.database, now=platform.now),
    ]
    gateway = PushGateway(
        database=platform.database,
        sealer=platform.sealer,
        limits=PushLimits(platform.settings.push),
        proxies_in_front=platform.settings.sessions.proxies_in_front,
        now=platform.now,
    )
    others = await stack.enter_async_context(other_servers_session())
    services = Services(
        database=platform.database,
        messages=platform.messages,
        read_marks=platform.read_marks,
        live=platform.live,
        conversations=platform.conversations,
        uploads=platform.uploading,
        downloads=platform.downloading,
        settings=platform.settings,
        sealer=platform.sealer,
        openid=openid_verifier(platform.settings, http=others),
        oidc=oidc_verifier(platform.settings, http=others, now=platform.now),
        logins=LoginLimits(platform.settings.sessions),
        requests=RequestLimits(platform.settings.limits),
        now=platform.now,
        instance_id=uuid.uuid4().hex,
        checks={
            "database": database_works(platform.database, now=platform.now),
            "homeserver": homeserver_answers(platform.matrix),
        },
        registry=registry,
        appservice_routes=[*gateway.routes(), *(for_homeserver if "bots" in roles else [])],
    )
    runner = runner_of(services)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    platform.live.notifier.start(registry=registry)
    stack.push_async_callback(platform.live.notifier.stop)
    host, port = platform.settings.http.host, platform.settings.http.port
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        # asyncio leaves out whom it speaks of, or says it in Python.
        reason = "somebody else listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise SettingsError([f"http: can't listen at {host}:{port}: {reason}"]) from error


def _recovery(platform: Platform) -> Recovery:
    settings = platform.settings
    wake = Wake(
        database=platform.database,
        client=platform.matrix,
        appservice_id=settings.appservice.id,
        keeper_id=settings.keeper_id,
    )

    async def catch_up_everybody() -> None:
        devices = await platform.encryption.all_devices()
        await platform.catch_up.catch_up_all([(one.user_id, one.device_id) for one in devices])

    return Recovery(wake=wake.wake, catch_up=catch_up_everybody)


def _transactions(platform: Platform, recovery: Recovery) -> Transactions:
    return Transactions(
        database=platform.database,
        dispatcher=platform.dispatcher,
        at_once=platform.at_once,
        tell=platform.at_once.tell,
        now=platform.now,
        on_trouble=recovery.trouble,
    )


def _jobs_of_bots(platform: Platform, recovery: Recovery, transactions: Transactions) -> list[Job]:
    async def catch_up() -> None:
        recovery.trouble()

    # What a device has fetched is deleted at the homeserver only when it asks for more.
    jobs = [Job("catch up", 86_400, catch_up)]
    if platform.module is not None:
        missed = MissedEvents(
            database=platform.database,
            witness=platform.module,
            client=platform.matrix,
            bots=[platform.settings.keeper_id, platform.settings.assistant_id],
            take=transactions.take,
            on_trouble=recovery.trouble,
            now=platform.now,
        )
        # At once: the first look of all says from where on, and a process that is killed again soon looks too.
        jobs.append(Job("take what was never pushed", 10, missed.look, at_once=True))
    return jobs


def _jobs_of_scheduler(platform: Platform, *, registry: CollectorRegistry) -> list[Job]:
    async def prune() -> None:
        async with platform.database.write() as connection:
            await pruning.prune(connection, now=platform.now())

    async def lapse_offers() -> None:
        await pass_on_lapsed(platform.database, now=platform.now())

    delivery = Delivery(
        database=platform.database,
        sender=platform.module,
        portal_server=platform.settings.homeserver.server_name,
        registry=registry,
        now=platform.now,
    )
    introductions = Introductions(
        database=platform.database,
        matrix=platform.matrix,
        encryption=platform.encryption,
        keeper_id=platform.settings.keeper_id,
        introduction_s=platform.settings.encryption.introduction_s,
        now=platform.now,
    )
    identities = IdentityWatch(identities=platform.encryption.identities, registry=registry)
    strangers = StrangerWatch(
        database=platform.database, settings=platform.settings, now=platform.now, registry=registry
    )
    return [
        Job("deliver waiting messages", 5, platform.outbox.deliver_waiting),
        Job("follow deliveries", 1, delivery.look),
        Job("place live events", 60, platform.placing.place),
        Job("settle early receipts", 2, partial(receipts.settle_early_receipts, platform.database)),
        Job("make rooms what they should be", 10, platform.conversations.reconcile_due),
        Job("complete direct chats", 5, platform.direct_chats.complete),
        Job("seat the assistant", 10, platform.attendance.complete),
        Job("introduce newcomers", 1, introductions.introduce),
        Job("watch identities", 30, identities.look),
        Job("watch for strangers", 10, strangers.look),
        Job("pass on offers that nobody answered", 10, lapse_offers),
        Job("heal encryption", 10, platform.encryption.heal),
        Job("forget what is done", 3600, prune),
    ]
