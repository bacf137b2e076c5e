"""The client-server API as any user of ours.

Every method takes `user_id`, the user we act as; where a `device_id` is given too, the homeserver counts the
request as that device's. All raise MatrixError when the homeserver refuses and HomeserverUnreachableError
when no answer came; nothing is retried here.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from json import dumps
from urllib.parse import quote

import aiohttp

from bridge.matrix.answers import (
    EventSent,
    JoinedRooms,
    KeysUploaded,
    MessagesPage,
    RoomCreated,
    RoomVersions,
)
from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject
from bridge.matrix.transport import CALLERS_S, Transport, client_path, parse_answer


class MatrixClient:
    """A homeserver's client-server API, spoken with the token of the application service."""

    def __init__(self, *, base_url: str, as_token: str, http: aiohttp.ClientSession) -> None:
        self._transport = Transport(base_url=base_url, as_token=as_token, http=http)
        self._ask_soon = partial(self._transport.request, timeout_s=CALLERS_S)

    # The homeserver and we

    async def whoami(self) -> JsonObject:
        """Who the token says we are: `{user_id}` is the sender of the application service."""
        return await self._transport.request("GET", client_path("account", "whoami"))

    async def versions(self) -> JsonObject:
        """The versions of the specification that the homeserver speaks."""
        return await self._transport.request("GET", "/_matrix/client/versions")

    async def ping(self, *, appservice_id: str, transaction_id: str) -> float:
        """Have the homeserver ping us (application service API, section 2.4): how long it took, in ms.

        A homeserver that thought us down tries again at once.
        """
        path = client_path("appservice", appservice_id, "ping", version="v1")
        answer = await self._transport.request("POST", path, body={"transaction_id": transaction_id})
        return float(answer.get("duration_ms", 0))

    async def room_versions(self, *, user_id: str) -> RoomVersions:
        """The versions that a room may have."""
        answer = await self._transport.request("GET", client_path("capabilities"), user_id=user_id)
        return parse_answer(RoomVersions, answer.get("capabilities", {}).get("m.room_versions", {}))

    async def largest_upload(self, *, user_id: str) -> int | None:
        """How many bytes a file may have (`m.upload.size`); None when the homeserver doesn't say."""
        path = client_path("media", "config", version="v1")
        size = (await self._transport.request("GET", path, user_id=user_id)).get("m.upload.size")
        return size if type(size) is int else None

    # Users and their devices

    async def register(self, *, user_id: str) -> None:
        """Make the account, without a device (MSC4190). One that is there already is fine."""
        body = {
            "type": "m.login.application_service",
            "username": user_id[1:].split(":", 1)[0],
            "inhibit_login": True,
        }
        try:
            await self._transport.request("POST", client_path("register"), body=body)
        except MatrixError as error:
            if error.errcode != "M_USER_IN_USE":
                raise

    async def put_device(self, *, user_id: str, device_id: str, display_name: str) -> None:
        """Make the device, or rename it (MSC4190)."""
        path, body = client_path("devices", device_id), {"display_name": display_name}
        await self._transport.request("PUT", path, user_id=user_id, body=body)

    async def delete_device(self, *, user_id: str, device_id: str) -> None:
        """Delete the device (MSC4190). One that is not there is fine."""
        path = client_path("devices", device_id)
        try:
            await self._transport.request("DELETE", path, user_id=user_id, body={})
        except MatrixError as error:
            if error.status != 404:  # noqa: PLR2004
                raise

    async def set_displayname(self, *, user_id: str, displayname: str) -> None:
        """Set the name that others see. It is public: give a managed user's only where that is wanted."""
        path, body = client_path("profile", user_id, "displayname"), {"displayname": displayname}
        await self._transport.request("PUT", path, user_id=user_id, body=body)

    # Keys

    async def keys_upload(self, *, user_id: str, device_id: str, body: JsonObject) -> dict[str, int]:
        """Publish device, one-time and fallback keys: the counts of one-time keys afterwards."""
        path = client_path("keys", "upload")
        answer = await self._transport.request("POST", path, user_id=user_id, device_id=device_id, body=body)
        return parse_answer(KeysUploaded, answer).one_time_key_counts

    async def keys_query(self, *, user_id: str, users: Iterable[str]) -> JsonObject:
        """The devices and cross-signing keys of these users, as answered."""
        body: JsonObject = {"device_keys": {user: [] for user in users}}
        return await self._ask_soon("POST", client_path("keys", "query"), user_id=user_id, body=body)

    async def keys_claim(self, *, user_id: str, wanted: Mapping[str, Iterable[str]]) -> JsonObject:
        """One signed one-time key of each of these devices (`{user: [device, …]}`), as answered."""
        body: JsonObject = {
            "one_time_keys": {
                user: dict.fromkeys(devices, "signed_curve25519") for user, devices in wanted.items()
            }
        }
        return await self._ask_soon("POST", client_path("keys", "claim"), user_id=user_id, body=body)

    async def device_signing_upload(self, *, user_id: str, body: JsonObject) -> None:
        """Publish cross-signing keys. An application service needs no further authentication (MSC4190)."""
        path = client_path("keys", "device_signing", "upload")
        await self._transport.request("POST", path, user_id=user_id, body=body)

    async def signatures_upload(self, *, user_id: str, body: JsonObject) -> JsonObject:
        """Publish signatures: the answer, whose `failures` names those that were refused."""
        path = client_path("keys", "signatures", "upload")
        return await self._transport.request("POST", path, user_id=user_id, body=body)

    async def send_to_device(
        self,
        *,
        user_id: str,
        device_id: str,
        event_type: str,
        txn_id: str,
        messages: Mapping[str, Mapping[str, JsonObject]],
    ) -> None:
        """Send `{user: {device: content}}`. The same `txn_id` again sends nothing."""
        path = client_path("sendToDevice", event_type, txn_id)
        body: JsonObject = {"messages": messages}
        await self._ask_soon("PUT", path, user_id=user_id, device_id=device_id, body=body)

    # Rooms

    async def create_room(self, *, user_id: str, body: JsonObject) -> str:
        """Make a room: its id. Sent twice, it makes two."""
        answer = await self._transport.request("POST", client_path("createRoom"), user_id=user_id, body=body)
        return parse_answer(RoomCreated, answer).room_id

    async def invite(self, *, user_id: str, room_id: str, invitee: str) -> None:
        """Invite somebody."""
        await self._membership(user_id, room_id, "invite", {"user_id": invitee})

    async def join(self, *, user_id: str, room_id: str) -> None:
        """Join, as one who is invited. Joining again changes nothing."""
        await self._membership(user_id, room_id, "join", {})

    async def leave(self, *, user_id: str, room_id: str) -> None:
        """Leave, or decline an invitation."""
        await self._membership(user_id, room_id, "leave", {})

    async def kick(self, *, user_id: str, room_id: str, kicked: str) -> None:
        """Remove somebody, or take an invitation back."""
        await self._membership(user_id, room_id, "kick", {"user_id": kicked})

    async def joined_rooms(self, *, user_id: str) -> list[str]:
        """The rooms that the user is joined to."""
        answer = await self._transport.request("GET", client_path("joined_rooms"), user_id=user_id)
        return parse_answer(JoinedRooms, answer).joined_rooms

    async def room_state(self, *, user_id: str, room_id: str) -> list[JsonObject]:
        """The state events of the room, as the user may see them."""
        path = client_path("rooms", room_id, "state")
        return await self._transport.request_list(path, user_id=user_id)

    async def state_event(
        self, *, user_id: str, room_id: str, event_type: str, state_key: str
    ) -> JsonObject | None:
        """The content of one state event; None when there is none."""
        return await self._get_or_none(user_id, _state_path(room_id, event_type, state_key))

    async def send_event(
        self,
        *,
        user_id: str,
        device_id: str | None,
        room_id: str,
        event_type: str,
        txn_id: str,
        content: JsonObject,
    ) -> str:
        """Send an event: its id. The same `txn_id` again gives the first event's id.

        Synapse remembers that for 30 minutes across all our users, and across its restart only when
        `device_id` is given.
        """
        path = client_path("rooms", room_id, "send", event_type, txn_id)
        answer = await self._ask_soon("PUT", path, user_id=user_id, device_id=device_id, body=content)
        return parse_answer(EventSent, answer).event_id

    async def send_state(
        self, *, user_id: str, room_id: str, event_type: str, state_key: str, content: JsonObject
    ) -> str:
        """Set state: the event's id. Sending what is there already makes no event."""
        path = _state_path(room_id, event_type, state_key)
        answer = await self._transport.request("PUT", path, user_id=user_id, body=content)
        return parse_answer(EventSent, answer).event_id

    async def messages(
        self, *, user_id: str, room_id: str, limit: int, from_token: str | None, event_types: list[str]
    ) -> MessagesPage:
        """Events of these types, newest first, before `from_token` or before now."""
        query = {"dir": "b", "limit": str(limit), "filter": dumps({"types": event_types})}
        if from_token is not None:
            query["from"] = from_token
        path = client_path("rooms", room_id, "messages")
        return parse_answer(MessagesPage, await self._ask_soon("GET", path, user_id=user_id, query=query))

    async def event(self, *, user_id: str, room_id: str, event_id: str) -> JsonObject | None:
        """One event; None when there is none that the user may see."""
        return await self._get_or_none(user_id, client_path("rooms", room_id, "event", event_id))

    async def send_read_receipt(self, *, user_id: str, room_id: str, event_id: str) -> None:
        """Say publicly that the user has read up to this event, in every thread."""
        path = client_path("rooms", room_id, "receipt", "m.read", event_id)
        await self._ask_soon("POST", path, user_id=user_id, body={})

    async def sync(
        self, *, user_id: str, device_id: str, since: str | None, sync_filter: JsonObject, timeout_ms: int
    ) -> JsonObject:
        """What happened since, as answered; nobody sees the user go online."""
        query = {"filter": dumps(sync_filter), "timeout": str(timeout_ms), "set_presence": "offline"}
        if since is not None:
            query["since"] = since
        return await self._transport.request(
            "GET",
            client_path("sync"),
            user_id=user_id,
            device_id=device_id,
            query=query,
            timeout_s=timeout_ms / 1000 + 60,
        )

    async def _membership(self, user_id: str, room_id: str, change: str, body: JsonObject) -> None:
        await self._transport.request(
            "POST", client_path("rooms", room_id, change), user_id=user_id, body=body
        )

    async def _get_or_none(self, user_id: str, path: str) -> JsonObject | None:
        try:
            return await self._ask_soon("GET", path, user_id=user_id)
        except MatrixError as error:
            if error.status == 404:  # noqa: PLR2004
                return None
            raise


def _state_path(room_id: str, event_type: str, state_key: str) -> str:
    # The trailing slash stays when the key is empty.
    return client_path("rooms", room_id, "state", event_type) + "/" + quote(state_key, safe="")
