"""Many patients, each in her own chat with the assistant, reading with matrix-nio and its encryption machine."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import nio

from bridge import app
from bridge.demo.people import add_care
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.world import eventually

_AT_ONCE = 8
_PAGE = 100


@dataclass(frozen=True)
class Said:
    """What the assistant said in a patient's chat, and when her homeserver had it (Unix milliseconds)."""

    body: str
    at: int


class Patient:
    """One of them, with one device, kept in this directory."""

    def __init__(self, *, url: str, user_id: str, assistant: str, directory: Path) -> None:
        self.user_id = user_id
        self._assistant = assistant
        self._room_id = ""
        self._client = nio.AsyncClient(
            url,
            user_id,
            store_path=str(directory),
            config=nio.AsyncClientConfig(store_sync_tokens=True, encryption_enabled=True),
        )

    async def enter(self) -> None:
        """Log in, and take the assistant's invitation."""
        assert isinstance(await self._client.login(PASSWORD), nio.LoginResponse)
        await self._client.keys_upload()

        async def invitations() -> Sequence[str]:
            await self._client.sync(timeout=500)
            invited = self._client.invited_rooms.items()
            return [room_id for room_id, room in invited if room.inviter == self._assistant]

        (self._room_id,) = await eventually(invitations, until=lambda found: len(found) == 1, within_s=240)
        assert isinstance(await self._client.join(self._room_id), nio.JoinResponse)

    async def hears(self) -> list[Said]:
        """Everything the assistant has written into her chat, as the homeserver has it now, decrypted."""
        await self._client.sync(timeout=0)
        found: list[Said] = []
        start: str | None = ""
        while start is not None:
            page = await self._client.room_messages(self._room_id, start, limit=_PAGE)
            assert isinstance(page, nio.RoomMessagesResponse), page
            assert not [one for one in page.chunk if isinstance(one, nio.MegolmEvent)], self.user_id
            texts = [one for one in page.chunk if isinstance(one, nio.RoomMessageFormatted)]
            assert all(one.decrypted for one in texts)
            found += [Said(one.body, one.server_timestamp) for one in texts if one.sender == self._assistant]
            start = page.end
        return found

    async def close(self) -> None:
        """Go offline."""
        await self._client.close()


@asynccontextmanager
async def many_patients(
    clinic: Clinic, count: int, *, professional: str, directory: Path
) -> AsyncGenerator[list[Patient]]:
    """So many, in this professional's care and in their chats."""
    portal, assistant = clinic.platform.portal, clinic.platform.settings.assistant_id
    some_at_once = asyncio.Semaphore(_AT_ONCE)
    async with AsyncExitStack() as stack:
        patients = [
            Patient(
                url=portal.client_url,
                user_id=await clinic.patient(),
                assistant=assistant,
                directory=directory,
            )
            for _ in range(count)
        ]
        for one in patients:
            stack.push_async_callback(one.close)
        async with app.opened(clinic.platform.settings) as gateway:
            for one in patients:
                await add_care(gateway, patient=one.user_id, professional=professional)

        async def enter(one: Patient) -> None:
            async with some_at_once:
                await one.enter()

        await asyncio.gather(*(enter(one) for one in patients))
        yield patients
