"""How often one caller may ask, and one place try to log in: token buckets in memory, each process counts for itself.

Whoever shows a good API key is never held up by what others do from the same address.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from ipaddress import IPv6Address, IPv6Network, ip_address

from aiohttp import web

from bridge.errors import TooManyAttemptsError
from bridge.notifications.settings import PushSettings
from bridge.settings import LimitSettings, SessionSettings
from bridge.slots import Slots

_MINUTE_S = 60.0
_MOST_PLACES = 10_000
_UNTIL_LEFT_IS_SEEN_S = 15.0  # a stream's heartbeat, by which it is known whether anybody listens
_SITE_BITS = 64  # one customer's IPv6 network: changing addresses within it is free


class Buckets:
    """For each key: so many at once, and so many more a minute. The keys that were quiet longest are forgotten."""

    def __init__(self, *, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute = per_minute
        self._clock = clock
        # For each key, when its bucket is full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """How long until another is allowed; 0 now."""
        step = _MINUTE_S / self._per_minute
        return max(0.0, self._full_at.get(key, 0.0) - self._clock() - _MINUTE_S + step)

    def take(self, key: str) -> None:
        """Count one. Raises TooManyAttemptsError when there is none left."""
        wait_s = self.wait_s(key)
        if wait_s > 0:
            raise TooManyAttemptsError(retry_after_s=wait_s)
        now = self._clock()
        self._full_at[key] = max(self._full_at.get(key, 0.0), now) + _MINUTE_S / self._per_minute
        self._full_at.move_to_end(key)
        if len(self._full_at) > _MOST_PLACES:
            self._full_at.popitem(last=False)


class RequestLimits:
    """Counts what each caller (Context.counted_as) asks for, and listens to."""

    def __init__(self, settings: LimitSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = Buckets(per_minute=settings.requests_per_minute, clock=clock)
        self._streams = Slots(
            per_person=settings.streams_at_once, limited="streams", retry_after_s=_UNTIL_LEFT_IS_SEEN_S
        )

    def request(self, caller: str) -> None:
        """One more. Raises TooManyAttemptsError."""
        self._requests.take(caller)

    def stream(self, caller: str) -> AbstractContextManager[None]:
        """A place for an event stream, for the length of the block. Raises TooManyAttemptsError."""
        return self._streams.taken(caller)


class LoginLimits:
    """Counts attempts to get a session. Each method raises TooManyAttemptsError."""

    def __init__(self, settings: SessionSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._attempts = Buckets(per_minute=settings.attempts_per_minute, clock=clock)
        self._failures = Buckets(per_minute=settings.failures_per_minute, clock=clock)
        self._of_keys = Buckets(per_minute=settings.attempts_per_minute_of_key, clock=clock)

    def attempt(self, address: str) -> None:
        """Somebody without credentials tries from this address."""
        wait_s = self._failures.wait_s(address)
        if wait_s > 0:
            raise TooManyAttemptsError(retry_after_s=wait_s)
        self._attempts.take(address)

    def failed(self, address: str) -> None:
        """What was shown at this address was no good."""
        self._failures.take(address)

    def attempt_of_key(self, key_id: str) -> None:
        """The holder of a good API key asks."""
        self._of_keys.take(key_id)


class PushLimits:
    """Counts what the push gateway is told. Each method raises TooManyAttemptsError."""

    def __init__(self, settings: PushSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._notifications = Buckets(per_minute=settings.notifications_per_minute, clock=clock)
        self._unknown = Buckets(per_minute=settings.unknown_per_minute, clock=clock)

    def notification(self, address: str) -> None:
        """One from this address, without credentials."""
        wait_s = self._unknown.wait_s(address)
        if wait_s > 0:
            raise TooManyAttemptsError(retry_after_s=wait_s)
        self._notifications.take(address)

    def unknown(self, address: str) -> None:
        """It named a pushkey that nobody has."""
        self._unknown.take(address)


def address_of(request: web.Request, *, proxies: int) -> str:
    """Where the request comes from: the connection's other end, or what the outermost of our proxies saw."""
    seen = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    address = seen[-proxies].strip() if 0 < proxies <= len(seen) else request.remote or ""
    try:
        parsed = ip_address(address)
    except ValueError:
        return request.remote or ""
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((int(parsed), _SITE_BITS), strict=False))
    return str(parsed)
