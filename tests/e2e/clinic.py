"""People for end-to-end tests: made anew for each test, on the servers that the whole run shares."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import aiohttp

from bridge import app
from bridge.demo.accounts import create_account
from bridge.demo.people import add_api_key, add_care, add_managed_user
from bridge.demo.platform import LocalPlatform

PASSWORD = "una contraseña de prueba"


@dataclass(frozen=True)
class Clinic:
    """Makes people and relationships; every name is new, so that tests don't meet."""

    platform: LocalPlatform
    api_key: str

    async def managed_user(self, display_name: str = "Paciente de prueba") -> str:
        """The user id of a new managed user, with their device."""
        user_id = self.platform.settings.managed_user_id(uuid4().hex[:12])
        async with app.opened(self.platform.settings) as gateway:
            await add_managed_user(gateway, user_id=user_id, display_name=display_name)
        return user_id

    async def professional(self, display_name: str = "Dra. de prueba") -> str:
        """The user id of a new account at the hospital, whose password is PASSWORD and who has no device."""
        return await create_account(self.platform.hospital, f"dra{uuid4().hex[:12]}", PASSWORD, display_name)

    async def patient(self, display_name: str = "Paciente con cliente") -> str:
        """The user id of a new account at the portal, whose password is PASSWORD and who has no device."""
        return await create_account(self.platform.portal, f"pac{uuid4().hex[:12]}", PASSWORD, display_name)

    async def care(self, *, patient: str, professional: str) -> None:
        """From now on this professional cares for this patient."""
        async with app.opened(self.platform.settings) as gateway:
            await add_care(gateway, patient=patient, professional=professional)

    async def pair(self) -> tuple[str, str]:
        """A managed patient and a professional who cares for them."""
        patient = await self.managed_user()
        professional = await self.professional()
        await self.care(patient=patient, professional=professional)
        return patient, professional

    @asynccontextmanager
    async def api(self, acting_for: str) -> AsyncGenerator[aiohttp.ClientSession]:
        """The REST API as the portal's back end, acting for this person."""
        headers = {"Authorization": f"Bearer {self.api_key}", "X-Act-As": acting_for}
        async with aiohttp.ClientSession(self.platform.bridge.api_url, headers=headers) as session:
            yield session


async def open_clinic(platform: LocalPlatform) -> Clinic:
    """A clinic on this platform, with an API key of its own."""
    async with app.opened(platform.settings) as gateway:
        return Clinic(platform=platform, api_key=await add_api_key(gateway, name="tests"))
