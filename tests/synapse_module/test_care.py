"""videoconsulta_synapse/care.py: asking the bridge, and what happens when it gives no answer."""

import json
from typing import Any

import pytest
from treq.testing import StubTreq
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from videoconsulta_synapse.care import CACHE_S, TIMEOUT_S, Bridge, CareUnknownError, Invitation

from tests.synapse_module.homeserver import GARCIA, MARIA, result

SECRET = "a secret of the two"
ASKED = Invitation(inviter=GARCIA, invitee=MARIA, room_id="!r:portal")


class Server(Resource):
    """The bridge's side: gives `answer` with `status`, or hangs."""

    isLeaf = True  # noqa: N815 Twisted's name

    def __init__(self) -> None:
        super().__init__()
        self.status = 200
        self.answer: Any = {"allowed": True}
        self.hangs = False
        self.requests: list[tuple[bytes, Any, bytes | None]] = []

    def render(self, request: Request) -> Any:
        """One request."""
        assert request.content is not None
        body = json.loads(request.content.read())
        self.requests.append((request.path, body, request.getHeader(b"Authorization")))
        if self.hangs:
            return NOT_DONE_YET
        request.setResponseCode(self.status)
        return self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()


class World:
    """A bridge to ask, over a connection in memory."""

    def __init__(self) -> None:
        self.server = Server()
        self.clock: Any = Clock()
        self._stub = StubTreq(self.server)
        self.bridge = Bridge(
            url="http://bridge",
            secret=SECRET,
            post=self._stub.post,
            timer=self.clock,
            now=self.clock.seconds,
        )

    def ask(self, invitation: Invitation = ASKED) -> bool:
        """The answer, which comes at once."""
        waiting = ensureDeferred(self.bridge.allows(invitation))
        self._stub.flush()
        return result(waiting)


@pytest.fixture
def world() -> World:
    """One."""
    return World()


def test_what_is_asked(world: World) -> None:
    """Who invites whom into which room, with the secret."""
    assert world.ask()
    ((path, body, authorization),) = world.server.requests
    assert path == b"/_videoconsulta/policy/v1/invite"
    assert body == {"inviter": GARCIA, "invitee": MARIA, "room_id": "!r:portal"}
    assert authorization == f"Bearer {SECRET}".encode()


@pytest.mark.parametrize("answer", [{"allowed": False}, {"allowed": "true"}, {"allowed": 1}, {}])
def test_anything_but_yes_is_no(world: World, answer: object) -> None:
    """Only a plain true opens."""
    world.server.answer = answer
    assert not world.ask()


def test_an_answer_is_good_for_ten_seconds(world: World) -> None:
    """Yes and no alike, for the same invitation only."""
    assert world.ask()
    world.server.answer = {"allowed": False}
    world.clock.advance(CACHE_S - 0.1)
    assert world.ask()
    assert not world.ask(Invitation(inviter=MARIA, invitee=GARCIA, room_id="!r:portal"))
    world.clock.advance(0.1)
    assert not world.ask()
    assert len(world.server.requests) == 3


@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, {"allowed": True}), (403, {"errcode": "M_FORBIDDEN"}), (302, b""), (200, b"<html>"), (200, [])],
)
def test_an_answer_that_is_none_is_not_remembered(world: World, status: int, answer: object) -> None:
    """The caller refuses; the next time is a new attempt."""
    world.server.status, world.server.answer = status, answer
    with pytest.raises(CareUnknownError):
        world.ask()
    world.server.status, world.server.answer = 200, {"allowed": True}
    assert world.ask()


def test_nothing_waits_longer_than_two_seconds(world: World) -> None:
    """A bridge that takes the request and never answers."""
    world.server.hangs = True
    waiting = ensureDeferred(world.bridge.allows(ASKED))
    world.clock.advance(TIMEOUT_S - 0.1)
    assert not waiting.called
    world.clock.advance(0.1)
    with pytest.raises(CareUnknownError):
        result(waiting)
    world.server.hangs = False
    assert world.ask()


def test_a_timely_answer_leaves_nothing_running(world: World) -> None:
    """No timer stays behind for each invitation."""
    world.ask()
    assert not world.clock.getDelayedCalls()
