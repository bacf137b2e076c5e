"""Somebody else's Matrix client, as far as keys and encrypted messages go."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

import vodozemac
from canonicaljson import encode_canonical_json
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unpaddedbase64 import decode_base64, encode_base64

from bridge.e2ee.fake_key_server import FakeKeyServer
from bridge.e2ee.model import EncryptedEvent
from tests.bridge.e2ee.events import ROOM, event


@dataclass
class Client:
    """Somebody else's Matrix client, written without a line of our machine, so that it can disagree."""

    server: FakeKeyServer
    user_id: str
    device_id: str
    account: vodozemac.Account = field(default_factory=vodozemac.Account)
    master: Ed25519PrivateKey | None = None
    self_signing: Ed25519PrivateKey | None = None
    olm: dict[str, vodozemac.Session] = field(default_factory=dict)
    inbound: dict[str, list[vodozemac.Session]] = field(default_factory=dict)
    rooms: dict[str, vodozemac.InboundGroupSession] = field(default_factory=dict)
    received: list[dict[str, Any]] = field(default_factory=list)
    withheld: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def with_identity(cls, server: FakeKeyServer, user_id: str, device_id: str) -> Self:
        """Of somebody who signs her devices."""
        master, self_signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        return cls(server, user_id, device_id, master=master, self_signing=self_signing)

    def another(self, device_id: str) -> Self:
        """Another device of hers, not logged in yet."""
        return type(self)(
            self.server, self.user_id, device_id, master=self.master, self_signing=self.self_signing
        )

    @property
    def curve25519(self) -> str:
        """The identity key."""
        return self.account.curve25519_key.to_base64()

    async def log_in(self, *, one_time_keys: int = 20, sign: bool = True) -> None:
        """Publish the device and, if there is one, the identity."""
        await self.server.put_device(user_id=self.user_id, device_id=self.device_id, display_name="x")
        body = {"device_keys": self.device_keys(sign=sign)}
        await self.server.keys_upload(user_id=self.user_id, device_id=self.device_id, body=body)
        if one_time_keys:
            await self.add_one_time_keys(one_time_keys)
        if self.master and self.self_signing:
            await self.publish_identity()

    async def publish_identity(self) -> None:
        """Upload master and self-signing key."""
        assert self.master is not None
        assert self.self_signing is not None
        master = self._usage_key("master", self.master)
        keys = {"master_key": master}
        own = self._usage_key("self_signing", self.self_signing)
        keys["self_signing_key"] = self._sign(own, public(self.master), _signs(self.master))
        await self.server.device_signing_upload(user_id=self.user_id, body=keys)

    async def add_one_time_keys(self, count: int) -> None:
        """Upload so many."""
        self.account.generate_one_time_keys(count)
        keys = {
            f"signed_curve25519:{key_id}": self._by_device({"key": key.to_base64()})
            for key_id, key in self.account.one_time_keys.items()
        }
        self.account.mark_keys_as_published()
        await self.server.keys_upload(
            user_id=self.user_id, device_id=self.device_id, body={"one_time_keys": keys}
        )

    def device_keys(self, *, sign: bool = True) -> dict[str, Any]:
        """The device's public keys, signed."""
        keys = self._by_device(
            {
                "user_id": self.user_id,
                "device_id": self.device_id,
                "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
                "keys": {
                    f"curve25519:{self.device_id}": self.curve25519,
                    f"ed25519:{self.device_id}": self.account.ed25519_key.to_base64(),
                },
            }
        )
        if sign and self.self_signing:
            keys = self._sign(keys, public(self.self_signing), _signs(self.self_signing))
        return keys

    async def sync(self) -> None:
        """Take in what waits for this device."""
        for message in self.server.take_inbox(self.user_id, self.device_id):
            if message["type"] == "m.room_key.withheld":
                self.withheld.append(message["content"])
            elif message["type"] == "m.room.encrypted":
                self.take_in(message)

    def take_in(self, message: dict[str, Any]) -> None:
        """Open an Olm message and keep the room key in it."""
        payload = json.loads(self.open(message["content"]))
        assert payload["sender"] == message["sender"]
        assert payload["recipient"] == self.user_id
        assert payload["recipient_keys"]["ed25519"] == self.account.ed25519_key.to_base64()
        self.received.append(payload)
        if payload["type"] == "m.room_key":
            key = vodozemac.SessionKey(payload["content"]["session_key"])
            self.rooms[payload["content"]["session_id"]] = vodozemac.InboundGroupSession(key)

    def open(self, content: dict[str, Any]) -> bytes:
        """The plaintext of an Olm message."""
        part = content["ciphertext"][self.curve25519]
        message = vodozemac.AnyOlmMessage.from_parts(part["type"], decode_base64(part["body"]))
        pre_key = message.to_pre_key()
        for known in [*self.inbound.get(content["sender_key"], []), *self._outbound(content["sender_key"])]:
            if pre_key is None or known.session_matches(pre_key):
                with suppress(vodozemac.OlmDecryptionException):
                    return known.decrypt(message)
        assert pre_key is not None
        sender = vodozemac.Curve25519PublicKey.from_base64(content["sender_key"])
        session, plaintext = self.account.create_inbound_session(sender, pre_key)
        self.inbound.setdefault(content["sender_key"], []).append(session)
        self.olm[content["sender_key"]] = session
        return plaintext

    def _outbound(self, sender_key: str) -> list[vodozemac.Session]:
        return [self.olm[sender_key]] if sender_key in self.olm else []

    def read(self, room_event: EncryptedEvent) -> str:
        """The body of a room message."""
        session = self.rooms[room_event.content["session_id"]]
        message = vodozemac.MegolmMessage.from_base64(room_event.content["ciphertext"])
        payload = json.loads(session.decrypt(message).plaintext)
        assert payload["room_id"] == room_event.room_id
        return payload["content"]["body"]

    async def send_olm(
        self, user_id: str, event_type: str, content: dict[str, Any], **changes: Any
    ) -> dict[str, Any]:
        """Send an Olm message to the (only) device of one of our users; what was sent."""
        ((device_id, device),) = self.server.devices[user_id].items()
        keys = device.keys["keys"]
        curve25519 = keys[f"curve25519:{device_id}"]
        if curve25519 not in self.olm:
            claimed = await self.server.keys_claim(user_id=self.user_id, wanted={user_id: [device_id]})
            ((_, one_time_key),) = claimed["one_time_keys"][user_id][device_id].items()
            self.olm[curve25519] = self.account.create_outbound_session(
                vodozemac.Curve25519PublicKey.from_base64(curve25519),
                vodozemac.Curve25519PublicKey.from_base64(one_time_key["key"]),
            )
        payload = {
            "type": event_type,
            "content": content,
            "sender": self.user_id,
            "recipient": user_id,
            "recipient_keys": {"ed25519": keys[f"ed25519:{device_id}"]},
            "keys": {"ed25519": self.account.ed25519_key.to_base64()},
            **changes,
        }
        kind, body = self.olm[curve25519].encrypt(json.dumps(payload).encode()).to_parts()
        sent = {
            "algorithm": "m.olm.v1.curve25519-aes-sha2",
            "sender_key": self.curve25519,
            "ciphertext": {curve25519: {"type": kind, "body": encode_base64(body)}},
        }
        await self.server.send_to_device(
            user_id=self.user_id,
            device_id=self.device_id,
            event_type="m.room.encrypted",
            txn_id=uuid4().hex,
            messages={user_id: {device_id: sent}},
        )
        return sent

    async def give(
        self, user_id: str, session: vodozemac.GroupSession, *, room_id: str = ROOM, **changes: Any
    ) -> None:
        """Send the key of a room session to one of our users."""
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": room_id,
            "session_id": session.session_id,
            "session_key": session.session_key.to_base64(),
        }
        await self.send_olm(user_id, "m.room_key", content, **changes)

    def say(
        self,
        session: vodozemac.GroupSession,
        body: str,
        *,
        room_id: str = ROOM,
        inner_room_id: str | None = None,
    ) -> EncryptedEvent:
        """A room message, without the deprecated fields."""
        payload = {
            "type": "m.room.message",
            "content": {"msgtype": "m.text", "body": body},
            "room_id": inner_room_id or room_id,
        }
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "session_id": session.session_id,
            "ciphertext": session.encrypt(json.dumps(payload).encode()).to_base64(),
        }
        return event(content, sender=self.user_id, room_id=room_id)

    def _usage_key(self, usage: str, key: Ed25519PrivateKey) -> dict[str, Any]:
        return {"user_id": self.user_id, "usage": [usage], "keys": {f"ed25519:{public(key)}": public(key)}}

    def _by_device(self, value: dict[str, Any]) -> dict[str, Any]:
        return self._sign(value, self.device_id, lambda message: self.account.sign(message).to_base64())

    def _sign(self, value: dict[str, Any], key_id: str, sign: Callable[[bytes], str]) -> dict[str, Any]:
        unsigned = {name: part for name, part in value.items() if name != "signatures"}
        signatures = dict(value.get("signatures", {}).get(self.user_id, {}))
        signatures[f"ed25519:{key_id}"] = sign(encode_canonical_json(unsigned))
        return {**unsigned, "signatures": {self.user_id: signatures}}


def public(key: Ed25519PrivateKey) -> str:
    """The public half, unpadded Base64."""
    return encode_base64(key.public_key().public_bytes_raw())


def _signs(key: Ed25519PrivateKey) -> Callable[[bytes], str]:
    return lambda message: encode_base64(key.sign(message))
