"""A homeserver in memory, as far as KeyServer goes: the fake beside the contract (ports.py)."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from bridge.matrix.errors import MatrixError
from bridge.matrix.json import JsonObject


@dataclass
class FakeDevice:
    """What the homeserver has of one device."""

    display_name: str
    keys: JsonObject | None = None
    one_time_keys: dict[str, JsonObject] = field(default_factory=dict)
    fallback_keys: dict[str, JsonObject] = field(default_factory=dict)
    fallback_used: bool = False
    inbox: list[JsonObject] = field(default_factory=list)


class FakeKeyServer:
    """Keeps keys and messages to devices; all servers are this one, unless `unreachable` names them.

    `before` is called with the name of each method before it does anything: it may raise, or look around.
    `after` is called when it has done its work, to break the connection before the answer.
    """

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, FakeDevice]] = defaultdict(dict)
        self.cross_signing: dict[str, JsonObject] = {}
        self.unreachable: set[str] = set()
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda _method: None
        self.after: Callable[[str], None] = lambda _method: None

    async def register(self, *, user_id: str) -> None:
        """Make the account; harmless when it is there."""
        self._begin("register")
        self.devices[user_id]  # the account exists from its first look-up on
        self.after("register")

    async def put_device(self, *, user_id: str, device_id: str, display_name: str) -> None:
        """Make the device, or rename it."""
        self._begin("put_device")
        if device_id in self.devices[user_id]:
            self.devices[user_id][device_id].display_name = display_name
        else:
            self.devices[user_id][device_id] = FakeDevice(display_name)
        self.after("put_device")

    async def delete_device(self, *, user_id: str, device_id: str) -> None:
        """Delete the device with its keys and what waits for it; harmless when there is none."""
        self._begin("delete_device")
        self.devices[user_id].pop(device_id, None)
        self.after("delete_device")

    async def keys_upload(self, *, user_id: str, device_id: str, body: JsonObject) -> dict[str, int]:
        """Upload device, one-time and fallback keys; the one-time keys that the server now has."""
        self._begin("keys_upload")
        device = self._device(user_id, device_id)
        device.keys = deepcopy(body.get("device_keys", device.keys))
        device.one_time_keys |= deepcopy(body.get("one_time_keys", {}))
        if body.get("fallback_keys"):
            device.fallback_keys = deepcopy(body["fallback_keys"])
            device.fallback_used = False
        self.after("keys_upload")
        return {"signed_curve25519": len(device.one_time_keys)}

    async def keys_query(self, *, user_id: str, users: Iterable[str]) -> JsonObject:
        """The raw answer of `/keys/query`: device_keys, failures, master_keys, …; one's own user_signing_keys."""
        self._begin("keys_query")
        answer: JsonObject = {
            "device_keys": {},
            "master_keys": {},
            "self_signing_keys": {},
            "user_signing_keys": {},
            "failures": {},
        }
        for user in users:
            if _server(user) in self.unreachable:
                answer["failures"][_server(user)] = {"status": 503, "message": "Not ready for retry"}
                continue
            answer["device_keys"][user] = {
                device_id: deepcopy(device.keys)
                for device_id, device in self.devices.get(user, {}).items()
                if device.keys is not None
            }
            usages = (
                ("master", "self_signing", "user_signing") if user == user_id else ("master", "self_signing")
            )
            for usage in usages:
                if f"{usage}_key" in self.cross_signing.get(user, {}):
                    answer[f"{usage}_keys"][user] = deepcopy(self.cross_signing[user][f"{usage}_key"])
        self.after("keys_query")
        return answer

    async def keys_claim(self, *, user_id: str, wanted: Mapping[str, Iterable[str]]) -> JsonObject:  # noqa: ARG002
        """The raw answer of `/keys/claim`: each one-time key once, then the fallback key."""
        self._begin("keys_claim")
        answer: JsonObject = {"one_time_keys": {}, "failures": {}}
        for user, device_ids in wanted.items():
            if _server(user) in self.unreachable:
                answer["failures"][_server(user)] = {"status": 503, "message": "Not ready for retry"}
                continue
            for device_id in device_ids:
                key = self._take_key(self.devices.get(user, {}).get(device_id))
                if key:
                    answer["one_time_keys"].setdefault(user, {})[device_id] = key
        self.after("keys_claim")
        return answer

    async def device_signing_upload(self, *, user_id: str, body: JsonObject) -> None:
        """Publish cross-signing keys, those that are not there yet; harmless when all of them are the same."""
        self._begin("device_signing_upload")
        there = self.cross_signing.setdefault(user_id, {})
        if any(there.get(name) != key for name, key in body.items()):
            for name, key in body.items():
                if name in there and there[name]["keys"] == key["keys"]:  # as Synapse does
                    raise MatrixError(status=500, errcode="M_UNKNOWN", message="Internal server error")
            there |= deepcopy(body)
        self.after("device_signing_upload")

    async def signatures_upload(self, *, user_id: str, body: JsonObject) -> JsonObject:
        """Publish signatures of the user's own devices; the raw answer, with `failures`."""
        self._begin("signatures_upload")
        for device_id, signed in body[user_id].items():
            keys = self._device(user_id, device_id).keys
            if keys is None or {**signed, "signatures": None} != {**keys, "signatures": None}:
                return {"failures": {user_id: {device_id: {"errcode": "M_INVALID_SIGNATURE"}}}}
            keys["signatures"][user_id] |= signed["signatures"][user_id]
        self.after("signatures_upload")
        return {"failures": {}}

    async def send_to_device(
        self,
        *,
        user_id: str,
        device_id: str,  # noqa: ARG002
        event_type: str,
        txn_id: str,  # noqa: ARG002
        messages: Mapping[str, Mapping[str, JsonObject]],
    ) -> None:
        """Put one content into each device's inbox."""
        self._begin("send_to_device")
        for recipient, contents in messages.items():
            for to_device_id, content in contents.items():
                device = self.devices.get(recipient, {}).get(to_device_id)
                if device is not None:
                    message = {"sender": user_id, "type": event_type, "content": deepcopy(content)}
                    device.inbox.append(message)
        self.after("send_to_device")

    def take_inbox(self, user_id: str, device_id: str) -> list[JsonObject]:
        """What waits for a device, which has then been handed over."""
        device = self._device(user_id, device_id)
        waiting, device.inbox = device.inbox, []
        return waiting

    def _begin(self, method: str) -> None:
        self.calls.append(method)
        self.before(method)

    def _device(self, user_id: str, device_id: str) -> FakeDevice:
        device = self.devices.get(user_id, {}).get(device_id)
        if device is None:
            raise MatrixError(status=404, errcode="M_NOT_FOUND", message="No such device")
        return device

    def _take_key(self, device: FakeDevice | None) -> dict[str, JsonObject]:
        if device is None:
            return {}
        if device.one_time_keys:
            key_id = next(iter(device.one_time_keys))
            return {key_id: device.one_time_keys.pop(key_id)}
        device.fallback_used = bool(device.fallback_keys)
        return deepcopy(device.fallback_keys)


def _server(user_id: str) -> str:
    return user_id.partition(":")[2]
