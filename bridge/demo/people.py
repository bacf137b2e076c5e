"""Brings the demo's people to life: accounts, managed users, care relationships and an API key.

Everything here may be done again: what a first start left half done, the next one finishes.
"""

import secrets
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import yaml

from appointments.schedule_services import put_schedule
from appointments.schedules import Hours, Schedule, VisitType
from bridge import app
from bridge.callers import apikeys
from bridge.deliveries import preferences
from bridge.deliveries.preferences import Preferences
from bridge.demo.accounts import AccountExistsError, create_account
from bridge.demo.cast import CARED_FOR, CAST, INTEGRATOR
from bridge.demo.files import write_private
from bridge.demo.platform import LocalPlatform
from bridge.enrolment import enrol
from bridge.people import care, people


class Passwords:
    """The demo's secrets in one file (0600), each made on first use and kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> str | None:
        """The secret of this name, if there is one."""
        return self._read().get(name)

    def put(self, name: str, value: str) -> None:
        """Keep this secret."""
        values = self._read() | {name: value}
        write_private(self._path, yaml.safe_dump(values))

    def make(self, name: str) -> str:
        """The secret of this name, made up when there is none."""
        known = self.get(name)
        if known is not None:
            return known
        made = secrets.token_urlsafe(12)
        self.put(name, made)
        return made

    def _read(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        values: dict[str, str] = yaml.safe_load(self._path.read_text(encoding="utf-8"))
        return values


def user_ids(platform: LocalPlatform) -> dict[str, str]:
    """The Matrix user id of everyone in the cast."""
    return {
        key: platform.settings.managed_user_id(person.name)
        if person.managed
        else f"@{person.name}:{platform.homeserver(person.home).server_name}"
        for key, person in CAST.items()
    }


async def create_accounts(platform: LocalPlatform, passwords: Passwords) -> None:
    """Make the accounts of the people who log in themselves; none of them has a device yet."""
    for person in CAST.values():
        if not person.managed:
            try:
                await create_account(
                    platform.homeserver(person.home),
                    person.name,
                    passwords.make(person.name),
                    person.display_name,
                )
            except AccountExistsError:
                continue


async def settle_in(platform: LocalPlatform, passwords: Passwords) -> None:
    """Make the managed users with their devices, who cares for whom, who wants mails, and the API key.

    The key comes last, and says that all of it is there.
    """
    if passwords.get(INTEGRATOR) is not None:
        return
    ids = user_ids(platform)
    async with app.opened(platform.settings) as gateway:
        for key, person in CAST.items():
            if person.managed:
                await add_managed_user(gateway, user_id=ids[key], display_name=person.display_name)
            elif person.home == "hospital":
                await add_professional(gateway, user_id=ids[key], display_name=person.display_name)
        for key in CARED_FOR:
            await add_care(gateway, patient=ids[key], professional=ids["professional"])
        await add_office_hours(gateway, professional=ids["professional"])
        for key, person in CAST.items():
            if not person.managed:
                await want_mails(gateway, user_id=ids[key], address=f"{person.name}@demo.example")
        passwords.put(INTEGRATOR, await add_api_key(gateway, name=INTEGRATOR))


async def add_managed_user(gateway: app.Platform, *, user_id: str, display_name: str) -> None:
    """A portal user without a client: their account, their one device, and what we know of them."""
    await enrol(gateway, user_id=user_id, display_name=display_name, language="es", timezone="Europe/Madrid")


async def add_professional(gateway: app.Platform, *, user_id: str, display_name: str) -> None:
    """How she is called, for who books with her in a chat."""
    async with gateway.database.write() as connection:
        await people.add(
            connection,
            sealer=gateway.sealer,
            user_id=user_id,
            managed=False,
            display_name=display_name,
            language="es",
            timezone="Europe/Madrid",
            now=gateway.now(),
        )


async def add_care(gateway: app.Platform, *, patient: str, professional: str) -> None:
    """From now on, and without an end, this professional cares for this patient."""
    now = gateway.now()
    async with gateway.database.write() as connection:
        await care.start_care(
            connection,
            sealer=gateway.sealer,
            servers=gateway.settings.homeserver.servers,
            bots=gateway.settings.bots,
            patient=patient,
            professional=professional,
            role="physician",
            starts=now,
            ends=None,
            reason=None,
            now=now,
        )


async def add_office_hours(gateway: app.Platform, *, professional: str) -> None:
    """This professional works Monday to Friday from nine to five in Madrid, in visits of twenty minutes."""
    office = (Hours(time(9), time(17)),)
    schedule = Schedule(
        zone="Europe/Madrid",
        weekly=dict.fromkeys(range(5), office),
        exceptions={},
        visit_types=(VisitType(name="visit", length=timedelta(minutes=20)),),
    )
    async with gateway.database.write() as connection:
        await put_schedule(connection, professional=professional, schedule=schedule, now=gateway.now())


async def want_mails(gateway: app.Platform, *, user_id: str, address: str) -> None:
    """This person is told by mail what she has not read for a minute, and of appointments."""
    wanted = Preferences(address=address, email=True, delay_minutes=1)
    async with gateway.database.write() as connection:
        await preferences.put(connection, wanted, sealer=gateway.sealer, person=user_id, now=gateway.now())


async def add_api_key(gateway: app.Platform, *, name: str) -> str:
    """The token of a new key with every scope but `admin`."""
    scopes = [scope for scope in apikeys.SCOPES if scope != "admin"]
    async with gateway.database.write() as connection:
        _, token = await apikeys.create(
            connection, name=name, scopes=scopes, expires_at=None, now=gateway.now()
        )
        return token


def demo_json(platform: LocalPlatform, passwords: Passwords) -> dict[str, Any]:
    """What outsiders need to find their way: addresses, users and passwords, API keys."""
    ids = user_ids(platform)
    users: dict[str, Any] = {}
    for key, person in CAST.items():
        users[key] = {"user_id": ids[key], "managed": person.managed}
        if not person.managed:
            users[key]["password"] = passwords.get(person.name)
    users["keeper"] = {"user_id": platform.settings.keeper_id}
    users["assistant"] = {"user_id": platform.settings.assistant_id}
    api_url = platform.bridge.api_url
    return {
        "portal": {"server_name": platform.portal.server_name, "client_url": platform.portal.client_url},
        "hospital": {
            "server_name": platform.hospital.server_name,
            "client_url": platform.hospital.client_url,
        },
        "api_url": api_url,
        "web_url": f"{api_url}/",
        "users": users,
        "api_keys": {INTEGRATOR: passwords.get(INTEGRATOR)},
    }
