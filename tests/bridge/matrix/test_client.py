"""bridge/matrix/client.py against a server that notes what was asked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.matrix import client as client_module
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from tests.bridge.matrix.stuck_homeserver import stuck_homeserver

USER = "@portal_lucia:localhost:8448"
ROOM = "!a/b:localhost:8448"
AS_TOKEN = "as-token"


@dataclass
class Homeserver:
    """Answers everything with `answer`, and remembers the requests."""

    answer: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.Response:
        """Note the request as it stood on the wire."""
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.raw_path, body))
        self.tokens.add(request.headers.get("Authorization"))
        if isinstance(self.answer, bytes):
            return web.Response(body=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status, headers=self.headers)


@pytest.fixture
def homeserver() -> Homeserver:
    """What the server answers and was asked."""
    return Homeserver()


@pytest.fixture
async def client(homeserver: Homeserver) -> AsyncIterator[MatrixClient]:
    """A client of that server."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", homeserver.handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as http:
        yield MatrixClient(base_url=str(server.make_url("")).rstrip("/"), as_token=AS_TOKEN, http=http)


async def test_a_send_names_user_device_and_transaction(client: MatrixClient, homeserver: Homeserver) -> None:
    """The ids are percent-encoded, slashes too; the token stands in a header and in no address."""
    homeserver.answer = {"event_id": "$1"}
    sent = await client.send_event(
        user_id=USER,
        device_id="VC1",
        room_id=ROOM,
        event_type="m.room.encrypted",
        txn_id="t 1",
        content={"body": "ñ 😀"},
    )
    assert sent == "$1"
    path = "/_matrix/client/v3/rooms/%21a%2Fb%3Alocalhost%3A8448/send/m.room.encrypted/t%201"
    assert homeserver.asked == [
        (
            "PUT",
            f"{path}?user_id=%40portal_lucia%3Alocalhost%3A8448&device_id=VC1",
            {"body": "ñ 😀"},
        )
    ]
    assert homeserver.tokens == {f"Bearer {AS_TOKEN}"}


async def test_registering_an_account_that_is_there_is_fine(
    client: MatrixClient, homeserver: Homeserver
) -> None:
    """Register is idempotent, asks for no login, and raises what else is refused."""
    await client.register(user_id=USER)
    homeserver.status, homeserver.answer = 400, {"errcode": "M_USER_IN_USE", "error": "taken"}
    await client.register(user_id=USER)
    assert homeserver.asked[0] == (
        "POST",
        "/_matrix/client/v3/register",
        {"type": "m.login.application_service", "username": "portal_lucia", "inhibit_login": True},
    )
    homeserver.answer = {"errcode": "M_EXCLUSIVE", "error": "not ours"}
    with pytest.raises(MatrixError, match="M_EXCLUSIVE"):
        await client.register(user_id=USER)


async def test_deleting_a_device_that_is_not_there_is_fine(
    client: MatrixClient, homeserver: Homeserver
) -> None:
    """It is asked for as the user, and other refusals are raised."""
    await client.delete_device(user_id=USER, device_id="VC1")
    homeserver.status, homeserver.answer = 404, {"errcode": "M_NOT_FOUND", "error": "no"}
    await client.delete_device(user_id=USER, device_id="VC1")
    path = "/_matrix/client/v3/devices/VC1?user_id=%40portal_lucia%3Alocalhost%3A8448"
    assert homeserver.asked == [("DELETE", path, {})] * 2
    homeserver.status, homeserver.answer = 401, {"flows": []}
    with pytest.raises(MatrixError):
        await client.delete_device(user_id=USER, device_id="VC1")


async def test_keys_are_asked_for_by_device(client: MatrixClient, homeserver: Homeserver) -> None:
    """Query asks for all devices of each user, claim for one signed key of each device."""
    await client.keys_query(user_id=USER, users=["@garcia:h"])
    await client.keys_claim(user_id=USER, wanted={"@garcia:h": ["A", "B"]})
    assert homeserver.asked[0][2] == {"device_keys": {"@garcia:h": []}}
    assert homeserver.asked[1][2] == {
        "one_time_keys": {"@garcia:h": {"A": "signed_curve25519", "B": "signed_curve25519"}}
    }


async def test_an_empty_state_key_keeps_its_slash(client: MatrixClient, homeserver: Homeserver) -> None:
    """State with an empty key is addressed with a trailing slash; state that isn't there is None."""
    await client.state_event(user_id=USER, room_id="!r", event_type="m.room.create", state_key="")
    homeserver.status, homeserver.answer = 404, {"errcode": "M_NOT_FOUND", "error": "no"}
    found = await client.state_event(user_id=USER, room_id="!r", event_type="x", state_key="á/b")
    assert found is None
    paths = [path.split("?")[0] for _, path, _ in homeserver.asked]
    assert paths == [
        "/_matrix/client/v3/rooms/%21r/state/m.room.create/",
        "/_matrix/client/v3/rooms/%21r/state/x/%C3%A1%2Fb",
    ]


async def test_a_state_listing_is_a_list(client: MatrixClient, homeserver: Homeserver) -> None:
    """room_state gives the events; an object in their place is no homeserver's answer."""
    homeserver.answer = [{"type": "m.room.create"}]
    assert await client.room_state(user_id=USER, room_id="!r") == [{"type": "m.room.create"}]
    homeserver.answer = {}
    with pytest.raises(HomeserverUnreachableError):
        await client.room_state(user_id=USER, room_id="!r")


async def test_messages_go_backwards_and_end(client: MatrixClient, homeserver: Homeserver) -> None:
    """A page has the events and the token of the next page, None at the room's beginning."""
    homeserver.answer = {"chunk": [{"event_id": "$1"}], "start": "s"}
    page = await client.messages(
        user_id=USER, room_id="!r", limit=5, from_token="t1", event_types=["m.room.encrypted"]
    )
    assert (page.chunk, page.end) == ([{"event_id": "$1"}], None)
    path = homeserver.asked[0][1]
    assert "dir=b&limit=5&filter=%7B%22types%22%3A+%5B%22m.room.encrypted%22%5D%7D&from=t1" in path


async def test_the_largest_upload_is_asked_for(client: MatrixClient, homeserver: Homeserver) -> None:
    """In bytes; a homeserver need not say."""
    for answer, expected in (({"m.upload.size": 5}, 5), ({}, None), ({"m.upload.size": "5"}, None)):
        homeserver.answer = answer
        assert await client.largest_upload(user_id=USER) == expected
    assert homeserver.asked[0][1].startswith("/_matrix/client/v1/media/config?user_id=")


REFUSALS = [
    (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1500}, {}, (True, 1.5)),
    (429, {"errcode": "M_LIMIT_EXCEEDED"}, {"Retry-After": "3"}, (True, 3.0)),
    (403, {"errcode": "M_FORBIDDEN", "error": "no"}, {}, (False, None)),
    (502, b"<html>", {}, (True, None)),
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_is_typed(
    client: MatrixClient, homeserver: Homeserver, refusal: tuple[int, Any, dict[str, str], Any]
) -> None:
    """A refusal says whether to try again and when."""
    homeserver.status, homeserver.answer, homeserver.headers, expected = refusal
    with pytest.raises(MatrixError) as caught:
        await client.join(user_id=USER, room_id="!r")
    assert caught.value.status == homeserver.status
    assert (caught.value.is_temporary, caught.value.retry_after_s) == expected


async def test_no_homeserver_is_its_own_error() -> None:
    """Nobody listens, or something else answers: HomeserverUnreachableError, and no token in its text."""
    async with aiohttp.ClientSession() as http:
        nobody = MatrixClient(base_url="http://127.0.0.1:1", as_token=AS_TOKEN, http=http)
        with pytest.raises(HomeserverUnreachableError) as caught:
            await nobody.versions()
    assert AS_TOKEN not in str(caught.value)


async def test_an_answer_of_another_shape_is_an_error(client: MatrixClient, homeserver: Homeserver) -> None:
    """A success without what was promised doesn't pass for one."""
    with pytest.raises(MatrixError, match="M_BAD_JSON"):
        await client.create_room(user_id=USER, body={})
    homeserver.answer = b"<html>"
    with pytest.raises(HomeserverUnreachableError):
        await client.create_room(user_id=USER, body={})


async def test_every_membership_change_has_its_path(client: MatrixClient, homeserver: Homeserver) -> None:
    """Invite, join, leave, kick; a receipt; a to-device message; a ping."""
    await client.invite(user_id=USER, room_id="!r", invitee="@g:h")
    await client.leave(user_id=USER, room_id="!r")
    await client.kick(user_id=USER, room_id="!r", kicked="@g:h")
    await client.send_read_receipt(user_id=USER, room_id="!r", event_id="$1")
    await client.send_to_device(
        user_id=USER, device_id="D", event_type="m.x", txn_id="t", messages={"@g:h": {"G": {"a": 1}}}
    )
    await client.ping(appservice_id="videoconsulta", transaction_id="t")
    asked = [(method, path.split("?")[0], body) for method, path, body in homeserver.asked]
    assert asked == [
        ("POST", "/_matrix/client/v3/rooms/%21r/invite", {"user_id": "@g:h"}),
        ("POST", "/_matrix/client/v3/rooms/%21r/leave", {}),
        ("POST", "/_matrix/client/v3/rooms/%21r/kick", {"user_id": "@g:h"}),
        ("POST", "/_matrix/client/v3/rooms/%21r/receipt/m.read/%241", {}),
        ("PUT", "/_matrix/client/v3/sendToDevice/m.x/t", {"messages": {"@g:h": {"G": {"a": 1}}}}),
        ("POST", "/_matrix/client/v1/appservice/videoconsulta/ping", {"transaction_id": "t"}),
    ]


@pytest.mark.parametrize(
    ("method", "asked"),
    [
        ("send_event", {"device_id": None, "event_type": "m", "txn_id": "1", "content": {}, "room_id": ROOM}),
        ("send_to_device", {"device_id": "VC1", "event_type": "m", "txn_id": "1", "messages": {}}),
        ("keys_query", {"users": [USER]}),
        ("keys_claim", {"wanted": {}}),
        ("messages", {"room_id": ROOM, "limit": 1, "from_token": None, "event_types": []}),
        ("event", {"room_id": ROOM, "event_id": "$1"}),
        ("send_read_receipt", {"room_id": ROOM, "event_id": "$1"}),
    ],
)
async def test_a_caller_does_not_wait_for_a_homeserver_that_hangs(
    monkeypatch: pytest.MonkeyPatch, method: str, asked: dict[str, Any]
) -> None:
    """What somebody may be waiting for counts as unanswered before she gives up (white-box: the time)."""
    monkeypatch.setattr(client_module, "CALLERS_S", 0.1)
    async with asyncio.timeout(20), stuck_homeserver() as address, aiohttp.ClientSession() as http:
        client = MatrixClient(base_url=address, as_token=AS_TOKEN, http=http)
        with pytest.raises(HomeserverUnreachableError):
            await getattr(client, method)(user_id=USER, **asked)
