"""bridge/http/limits.py: so many attempts and no more; who counts as one place."""

from datetime import timedelta

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import TooManyAttemptsError
from bridge.http.limits import Buckets, LoginLimits, RequestLimits, address_of
from bridge.settings import LimitSettings, SessionSettings
from tests.bridge.clock import Seconds
from tests.bridge.http.api import NOW
from tests.until import until


def test_a_bucket_holds_a_minutes_worth() -> None:
    """All at once, then one at a time; the error says how long to wait, and that is enough."""
    clock = Seconds()
    buckets = Buckets(per_minute=6, clock=clock)
    for _ in range(6):
        buckets.take("a")
    with pytest.raises(TooManyAttemptsError) as refused:
        buckets.take("a")
    assert refused.value.retry_after_s == pytest.approx(10)
    buckets.take("b")
    clock.seconds += refused.value.retry_after_s
    buckets.take("a")
    with pytest.raises(TooManyAttemptsError):
        buckets.take("a")
    clock.seconds += 3600
    for _ in range(6):
        buckets.take("a")


@given(
    per_minute=st.integers(1, 200),
    pauses=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=300),
)
def test_nobody_gets_more_than_their_share(per_minute, pauses) -> None:
    """However they time it: a minute's worth at the start, and what trickles in."""
    clock = Seconds()
    buckets = Buckets(per_minute=per_minute, clock=clock)
    taken = 0
    for pause in pauses:
        clock.seconds += pause
        try:
            buckets.take("a")
        except TooManyAttemptsError:
            continue
        taken += 1
    assert taken <= per_minute * (1 + sum(pauses) / 60) + 1


def test_memory_is_bounded() -> None:
    """Ten thousand places are remembered; those that were quiet longest are forgotten."""
    buckets = Buckets(per_minute=1, clock=Seconds())
    for number in range(10_001):
        buckets.take(str(number))
    buckets.take("0")
    with pytest.raises(TooManyAttemptsError):
        buckets.take("10000")


def test_failures_are_counted_more_strictly() -> None:
    """After them the address has to wait, before anything is asked; another has not."""
    limits = LoginLimits(SessionSettings(attempts_per_minute=100, failures_per_minute=2), clock=Seconds())
    for _ in range(2):
        limits.attempt("a")
        limits.failed("a")
    with pytest.raises(TooManyAttemptsError):
        limits.attempt("a")
    limits.attempt("b")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "192.0.2.1"),
        (0, "198.51.100.7", "192.0.2.1"),
        (1, None, "192.0.2.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        (2, "1.1.1.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "198.51.100.7", "192.0.2.1"),
        (1, "nonsense", "192.0.2.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_where_a_request_comes_from(proxies, forwarded, address) -> None:
    """Only what our own proxies appended counts: what a caller writes there changes nothing."""
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = make_mocked_request("POST", "/", headers=headers).clone(remote="192.0.2.1")
    assert address_of(request, proxies=proxies) == address


async def test_a_caller_has_a_share_of_requests(api) -> None:
    """429 with Retry-After for her, nobody else; and after the wait she is welcome again."""
    few = RequestLimits(
        LimitSettings(requests_per_minute=3), clock=lambda: api.now.timestamp() - NOW.timestamp()
    )
    object.__setattr__(api.services, "requests", few)

    async def ask(**headers: object):
        return await api.call("GET", "/api/conversations", headers=api.headers(**headers))

    assert [(await ask()).status for _ in range(4)] == [200, 200, 200, 429]
    assert (await ask()).headers["Retry-After"] == "20"
    assert (await ask(key="messages")).status == 200
    assert (await api.call("GET", "/health/live")).status == 200
    api.now += timedelta(seconds=20)
    assert [(await ask()).status for _ in range(2)] == [200, 429]


async def test_a_caller_has_so_many_event_streams(api) -> None:
    """One more is 429, which says what there is too much of; who closes one may open another; others have theirs."""
    object.__setattr__(api.services, "requests", RequestLimits(LimitSettings(streams_at_once=2)))

    async def listen(**headers: object):
        return await api.client.get("/api/events", headers=api.headers(**headers))

    first, second = await listen(), await listen()
    for language, word in (("es", "flujos de eventos"), ("en", "event streams")):
        refused = await listen(**{"Accept-Language": language})
        await api.check_documented("GET", "/api/events", refused)
        document = await refused.json(content_type=None)
        assert (refused.status, document["type"]) == (429, "/problems/too-many-requests")
        assert (refused.headers["Retry-After"], word in document["detail"]) == ("15", True)
    other = await listen(key="messages")
    assert (first.status, second.status, other.status) == (200, 200, 200)
    first.close()
    api.services.live.notifier.wake()
    await until(lambda: api.services.live.notifier.open_streams == 2)
    again = await listen()
    assert again.status == 200
    for one in (second, other, again):
        one.close()
