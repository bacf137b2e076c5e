"""An independent Matrix client with Element's crypto (tests/clients/element), as an object of the tests."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import TypeAdapter

from tests.e2e.element_answers import Device, Identity, Login, Message, Pushed, Room
from tests.e2e.element_process import ElementError, ElementProcess

__all__ = ["Device", "ElementClient", "ElementError", "Identity", "Login", "Message", "Pushed", "Room"]

# The program's own timeout is the better one: its message says what was awaited.
_MARGIN_S = 10.0

_rooms = TypeAdapter(list[Room])
_messages = TypeAdapter(list[Message])
_devices = TypeAdapter(list[Device])


class ElementClient:
    """One client in a process of its own. `async with ElementClient() as element:` starts it and ends it.

    Every method raises ElementError when the client says no. A client is one device, kept in memory: it is lost
    at the end, and a second device of the same person is a second client.
    """

    def __init__(self) -> None:
        self._process = ElementProcess()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the program; returns when it takes commands."""
        await self._process.start()

    async def stop(self) -> None:
        """End the program. The homeserver keeps the device."""
        await self._process.stop()

    @property
    def pushed(self) -> Sequence[Pushed]:
        """What the client told without being asked, in order.

        `message`: each one when it came in, or when its decryption ended, well or badly, and again when that was
        healed; `sync`: the state of the synchronisation.
        """
        return self._process.pushed

    async def login(
        self,
        homeserver_url: str,
        user: str,
        password: str,
        *,
        recovery_key: str | None = None,
        device_id: str | None = None,
        display_name: str | None = None,
        cross_signing: bool = True,
    ) -> Login:
        """Log in as a new device, sync, and set up the identity: a new one, or that behind `recovery_key`.

        From then on only devices signed by their owners are trusted. Without `cross_signing` the device stays
        unsigned and trusts every device, as an insecure client does.
        """
        answer = await self._process.command(
            "login",
            homeserver_url=homeserver_url,
            user=user,
            password=password,
            recovery_key=recovery_key,
            device_id=device_id,
            display_name=display_name,
            cross_signing=cross_signing,
        )
        return Login.model_validate(answer)

    async def logout(self) -> None:
        """Log out: the homeserver forgets the device."""
        await self._process.command("logout")

    async def rooms(self) -> list[Room]:
        """Every room of the account, invitations and left ones too."""
        return _rooms.validate_python(await self._process.command("rooms"))

    async def invites(self) -> list[Room]:
        """The rooms that the account is invited to."""
        return [room for room in await self.rooms() if room.membership == "invite"]

    async def wait_for_invite(
        self, *, room_id: str | None = None, inviter: str | None = None, timeout_s: float = 30.0
    ) -> Room:
        """The invitation to this room, or by this user, or the first that comes."""
        answer = await self._wait("wait_for_invite", timeout_s, room_id=room_id, inviter=inviter)
        return Room.model_validate(answer)

    async def join(self, room_id: str) -> Room:
        """Join; returns when the room is there with its state."""
        return Room.model_validate(await self._process.command("join", room_id=room_id))

    async def create_room(self, invite: Sequence[str] = ()) -> Room:
        """A new private encrypted room with these users invited."""
        return Room.model_validate(await self._process.command("create_room", invite=list(invite)))

    async def invite(self, room_id: str, user_id: str) -> None:
        """Invite a user."""
        await self._process.command("invite", room_id=room_id, user_id=user_id)

    async def leave(self, room_id: str) -> None:
        """Leave the room or decline its invitation."""
        await self._process.command("leave", room_id=room_id)

    async def send_text(self, room_id: str, body: str, *, reply_to: str | None = None) -> str:
        """Send a text, never in clear; returns its event id once the homeserver has it.

        While the homeserver can't be reached it is sent again under the same transaction id.
        """
        answer = await self._process.command("send_text", room_id=room_id, body=body, reply_to=reply_to)
        return str(answer)

    async def send_event(self, room_id: str, event_type: str, content: dict[str, Any]) -> str:
        """Send an event of any type, never in clear; returns its event id."""
        answer = await self._process.command(
            "send_event", room_id=room_id, event_type=event_type, content=content
        )
        return str(answer)

    async def send_file(self, room_id: str, path: Path, *, mime_type: str, caption: str | None = None) -> str:
        """Encrypt a file, upload and send it as Element does; returns its event id."""
        answer = await self._process.command(
            "send_file",
            room_id=room_id,
            path=str(path),
            name=path.name,
            mime_type=mime_type,
            caption=caption,
        )
        return str(answer)

    async def save_file(self, room_id: str, event_id: str, path: Path, *, thumbnail: bool = False) -> None:
        """Fetch the file of a loaded message and decrypt it into `path`; ElementError when it isn't whole."""
        await self._process.command(
            "save_file", room_id=room_id, event_id=event_id, path=str(path), thumbnail=thumbnail
        )

    async def edit(self, room_id: str, event_id: str, body: str) -> str:
        """Replace the text of an own message; returns the id of the replacing event."""
        return str(await self._process.command("edit", room_id=room_id, event_id=event_id, body=body))

    async def redact(self, room_id: str, event_id: str) -> str:
        """Remove an event; returns the id of the redaction."""
        return str(await self._process.command("redact", room_id=room_id, event_id=event_id))

    async def react(self, room_id: str, event_id: str, key: str) -> str:
        """React to an event with `key`, an emoji; returns the reaction's id."""
        return str(await self._process.command("react", room_id=room_id, event_id=event_id, key=key))

    async def read_receipt(self, room_id: str, event_id: str) -> None:
        """Show everybody that this event, and all before it, was read."""
        await self._process.command("read_receipt", room_id=room_id, event_id=event_id)

    async def timeline(self, room_id: str, *, limit: int = 100, paginate: bool = False) -> list[Message]:
        """The last `limit` events that are no state, oldest first; `paginate`: all since the room's start."""
        answer = await self._process.command("timeline", room_id=room_id, limit=limit, paginate=paginate)
        return _messages.validate_python(answer)

    async def wait_for_message(
        self, room_id: str, *, body: str | None = None, event_id: str | None = None, timeout_s: float = 30.0
    ) -> Message:
        """The message with this text or event id, once it is there and decrypted, however late its key."""
        try:
            answer = await self._wait(
                "wait_for_message", timeout_s, room_id=room_id, body=body, event_id=event_id
            )
        except ElementError as error:
            last = "\n".join(message.summary for message in await self.timeline(room_id, limit=10))
            raise ElementError(f"{error}\nThe room's last events:\n{last}") from error
        return Message.model_validate(answer)

    async def rotate(self, room_id: str) -> None:
        """Throw the own Megolm session away: the next message starts a new one."""
        await self._process.command("rotate", room_id=room_id)

    async def replace_identity(self, user: str, password: str) -> None:
        """Give the account a new identity that signs this device: a changed identity to everybody else."""
        await self._process.command("replace_identity", user=user, password=password)

    async def devices_of(self, user_id: str) -> list[Device]:
        """The user's devices as this client has heard of them, in the order of their ids."""
        return _devices.validate_python(await self._process.command("devices_of", user_id=user_id))

    async def wait_for_device(
        self, user_id: str, device_id: str, *, signed: bool, timeout_s: float = 30.0
    ) -> Device:
        """The device, once this client has heard of it and, if `signed`, of its owner's signature.

        What is sent earlier is not for that device: a new device's signature takes a moment to federate.
        """
        answer = await self._wait(
            "wait_for_device", timeout_s, user_id=user_id, device_id=device_id, signed=signed
        )
        return Device.model_validate(answer)

    async def verification_state(self, user_id: str) -> Identity:
        """What the crypto thinks of the user's identity as it has heard of it."""
        answer = await self._process.command("verification_state", user_id=user_id)
        return Identity.model_validate(answer)

    async def _wait(self, command: str, timeout_s: float, **arguments: Any) -> Any:
        return await self._process.command(
            command, timeout_s=timeout_s + _MARGIN_S, timeout_ms=round(timeout_s * 1000), **arguments
        )
