"""bridge/oidc/key_set.py: when the provider is asked for its keys, and what holds while it can't be."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from bridge.errors import ProviderUnavailableError
from bridge.oidc.key_set import KeySet
from bridge.openid.errors import ServerRefusedError
from bridge.openid.fakes import FakeHttps
from bridge.openid.https import Destination, Reply
from tests.bridge.oidc.provider import ec_jwk, key_set, rsa_jwk

AT = "idp.portal.example:443/certs"


@dataclass
class Provider:
    """A provider, and a process that asks it."""

    https: FakeHttps = field(default_factory=FakeHttps)
    now: float = 1000.0
    keys: KeySet = field(init=False)

    def __post_init__(self) -> None:
        url = "https://idp.portal.example/certs"
        self.keys = KeySet(https=self.https, url=url, clock=lambda: self.now)

    def publishes(self, body: bytes, status: int = 200) -> None:
        """From now on."""
        self.https.replies[AT] = Reply(status=status, headers={}, body=body)

    async def has(self, kid: str, algorithm: str = "RS256") -> bool:
        """Whether there is such a key."""
        return await self.keys.find(kid, algorithm) is not None

    @property
    def asked(self) -> int:
        """How often."""
        return len(self.https.asked)


@pytest.fixture
def provider() -> Provider:
    """One with two keys."""
    made = Provider()
    made.publishes(key_set())
    return made


async def test_keys_are_kept_for_an_hour(provider: Provider) -> None:
    """Then they are asked for anew: one that was withdrawn is good no more."""
    for _ in range(3):
        assert await provider.has("r")
        assert await provider.has("e", "ES256")
        provider.now += 1000
    assert provider.asked == 1
    provider.publishes(key_set(ec_jwk()))
    provider.now += 1000
    assert not await provider.has("r")
    assert provider.asked == 2


async def test_a_new_key_is_found_at_once(provider: Provider) -> None:
    """And made-up ones ask no more than twice a minute."""
    assert await provider.has("r")
    provider.publishes(key_set(rsa_jwk(), rsa_jwk(kid="new")))
    provider.now += 31
    assert await provider.has("new")
    for number in range(50):
        assert not await provider.has(f"made up {number}")
    assert provider.asked == 2
    assert not await provider.has("r", "ES256")


async def test_a_key_that_comes_right_after_the_others_were_fetched_is_found_at_once(
    provider: Provider,
) -> None:
    """Hour after hour; made-up ones ask once more at the most, and then as seldom as ever."""
    for hour in (1, 2):
        assert await provider.has("r")
        provider.publishes(key_set(rsa_jwk(), rsa_jwk(kid=f"new {hour}")))
        provider.now += 5
        assert await provider.has(f"new {hour}")
        for _ in range(50):
            assert not await provider.has("made up")
        assert provider.asked == 2 * hour
        provider.now += 3600
    for _ in range(50):
        assert not await provider.has("made up")
        provider.now += 6
    assert provider.asked == 4 + 1 + 10


@pytest.mark.parametrize("trouble", [b"{}", b"", b"nonsense"])
async def test_while_it_is_down_what_is_known_holds_for_a_day(provider: Provider, trouble: bytes) -> None:
    """Who brings another key may come again; after a day nobody is believed any more."""
    assert await provider.has("r")
    provider.publishes(trouble, 500 if not trouble else 200)
    provider.now += 3601
    assert await provider.has("r")
    with pytest.raises(ProviderUnavailableError):
        await provider.has("new")
    provider.now += 86_400
    with pytest.raises(ProviderUnavailableError):
        await provider.has("r")
    provider.publishes(key_set())
    provider.now += 31
    assert await provider.has("r")


async def test_without_any_keys_nobody_is_believed(provider: Provider) -> None:
    """Nor when its address is one that we don't connect to."""

    def refuse() -> Reply:
        raise ServerRefusedError

    provider.https.replies[AT] = refuse
    for _ in range(2):
        with pytest.raises(ProviderUnavailableError):
            await provider.has("r")
    assert provider.asked == 1


class SlowHttps(FakeHttps):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def get(self, destination: Destination, path: str, *, query: Mapping[str, str], most: int) -> Reply:
        """As in Https."""
        reply = await super().get(destination, path, query=query, most=most)
        await self.may_answer.wait()
        return reply


async def test_who_comes_while_the_provider_is_asked_waits_for_its_answer() -> None:
    """After a start, or when the provider has changed its key, many come at once: none of them is turned away.

    Whoever brings a key that is known waits for nobody.
    """
    https = SlowHttps()
    provider = Provider(https)
    for kids, kid in (((rsa_jwk(),), "r"), ((rsa_jwk(), rsa_jwk(kid="new")), "new")):
        provider.publishes(key_set(*kids))
        provider.now += 31
        https.may_answer.clear()
        first = asyncio.create_task(provider.has(kid))
        await asyncio.sleep(0)
        others = [asyncio.create_task(provider.has(kid)) for _ in range(3)]
        await asyncio.sleep(0)
        if kid == "new":
            assert await provider.has("r")
        https.may_answer.set()
        assert await asyncio.gather(first, *others) == [True] * 4
    assert provider.asked == 2
