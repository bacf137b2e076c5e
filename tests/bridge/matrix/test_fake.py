"""bridge/matrix/fake.py keeps the contract; tests/e2e/test_homeserver_contract.py holds Synapse to the same."""

import itertools

import pytest

from bridge.matrix.fake import Call, FakeHomeserver
from tests.bridge.matrix.contract import HomeserverContract
from tests.bridge.matrix.rooms import Cast

CAST = Cast("@consulta:portal.example", "@portal_lucia:portal.example", "@portal_juan:portal.example")


class TestFakeHomeserver(HomeserverContract):
    """The same suite against the fake."""

    @pytest.fixture
    def homeserver(self) -> FakeHomeserver:
        """An empty one."""
        times = itertools.count(1_772_355_600_000)
        return FakeHomeserver(now_ms=lambda: next(times))

    @pytest.fixture
    def cast(self) -> Cast:
        """Accounts need no making here."""
        return CAST

    async def test_requests_and_answers_can_get_lost(self, homeserver: FakeHomeserver) -> None:
        """`before` stops a request, `after` only its answer; both are told what was asked."""
        seen: list[Call] = []

        def lose(call: Call) -> None:
            seen.append(call)
            raise ConnectionError

        homeserver.before = lose
        with pytest.raises(ConnectionError):
            await self.make_room(homeserver, CAST)
        assert homeserver.rooms == {}
        homeserver.before, homeserver.after = lambda _call: None, lose
        with pytest.raises(ConnectionError):
            await self.make_room(homeserver, CAST)
        assert len(homeserver.rooms) == 1
        assert [call.method for call in seen] == ["create_room", "create_room"]
        assert homeserver.calls == seen

    async def test_transactions_can_be_forgotten(self, homeserver: FakeHomeserver) -> None:
        """As a homeserver does after a while: then the same transaction is another event."""
        room_id = await self.make_room(homeserver, CAST, members=[CAST.lucia])
        first = await self.say(homeserver, room_id, CAST.lucia, "hola", txn_id="t1")
        homeserver.forget_transactions()
        assert await self.say(homeserver, room_id, CAST.lucia, "hola", txn_id="t1") != first
