"""The channel `push`: tells one browser, by its push service, that something waits. No words."""

import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

from yarl import URL

from appointments.sealing import Sealer
from bridge.clock import Now
from bridge.deliveries import preferences, subscriptions
from bridge.deliveries.claims import Claimed
from bridge.deliveries.errors import BusyError, NotNowError, NotWantedError, UndeliverableError
from bridge.deliveries.webpush import Subscription, Vapid, encode, encrypted
from bridge.notifications.news import is_past, require_reader
from bridge.openid.errors import ServerRefusedError
from bridge.openid.https import Destination, PinnedHttps, Reply
from bridge.storage.database import Database

_HTTPS = 443
_KEPT_THERE_S = 86_400
_GONE = (404, 410)
_TOO_MANY = 429
_LONGEST_PAUSE_S = 3600
_DEFAULT_PAUSE_S = 60
_MOST_ANSWER = 64 * 1024


class PushServiceError(Exception):
    """The push service can't take it now."""


class PushSender:
    """bridge.notifications.courier.Sender over Web Push (RFC 8030).

    A push repeated after a crash replaces the first one where that still waits (`Topic`), and the page shows one
    notice a conversation or appointment.
    """

    def __init__(
        self, *, database: Database, sealer: Sealer, https: PinnedHttps, vapid: Vapid, now: Now
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._https = https
        self._vapid = vapid
        self._now = now

    async def send(self, delivery: Claimed) -> None:
        """As in Sender, of a message."""
        async with self._database.read() as connection:
            wanted = await preferences.get(connection, sealer=self._sealer, person=delivery.person)
            await require_reader(connection, delivery.person, delivery.subject, now=self._now())
            if await is_past(connection, delivery.person, delivery.subject, delivery.data.get("message_id")):
                raise NotWantedError
        if wanted is not None and not wanted.push:
            raise NotWantedError
        quiet_until = None if wanted is None else wanted.quiet_until(self._now())
        if quiet_until is not None:
            raise NotNowError(quiet_until)
        await self.push(delivery, {"kind": delivery.kind, "conversation_id": delivery.subject})

    async def push(self, delivery: Claimed, payload: Mapping[str, str]) -> None:
        """Hand it to the push service. Raises as Sender.

        A subscription that the service gave up is forgotten, and so is one whose address is still private at the
        last try: a resolver may be wrong for a while.
        """
        async with self._database.read() as connection:
            subscription = await subscriptions.get(
                connection, sealer=self._sealer, subscription_id=delivery.data["subscription_id"]
            )
        if subscription is None:
            raise NotWantedError
        try:
            reply = await self._post(subscription, delivery, payload)
        except ServerRefusedError:
            if delivery.is_last_try:
                await self._forget(subscription)
            raise
        if reply.status in _GONE:
            await self._forget(subscription)
            raise NotWantedError
        if reply.status == _TOO_MANY:
            raise BusyError(self._now() + timedelta(seconds=_pause_s(reply)))
        if 400 <= reply.status < 500:  # noqa: PLR2004
            raise UndeliverableError(str(reply.status))
        if not 200 <= reply.status < 300:  # noqa: PLR2004
            raise PushServiceError(str(reply.status))

    async def _post(self, subscription: Subscription, delivery: Claimed, payload: Mapping[str, str]) -> Reply:
        url = URL(subscription.endpoint)
        host, port = url.raw_host or "", url.port or _HTTPS
        bracketed = f"[{host}]" if ":" in host else host
        return await self._https.post(
            Destination(
                host=bracketed,
                port=port,
                host_header=bracketed if port == _HTTPS else f"{bracketed}:{port}",
                tls_name=host,
            ),
            url.raw_path_qs,
            headers={
                "Authorization": self._vapid.authorization(subscription.endpoint, now=self._now()),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(_KEPT_THERE_S),
                "Urgency": "high",
                # 32 characters at most; the push service must not see what it is about.
                "Topic": encode(sha256(f"{subscription.id}:{delivery.subject}".encode()).digest())[:32],
            },
            body=encrypted(
                json.dumps(dict(payload)).encode(), p256dh=subscription.p256dh, auth=subscription.auth
            ),
            most=_MOST_ANSWER,
        )

    async def _forget(self, subscription: Subscription) -> None:
        async with self._database.write() as connection:
            await subscriptions.forget(connection, subscription.id)


def _pause_s(reply: Reply) -> int:
    said = reply.headers.get("Retry-After", "")
    return min(int(said), _LONGEST_PAUSE_S) if said.isdecimal() else _DEFAULT_PAUSE_S
