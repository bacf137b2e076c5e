"""Saying over REST that a message was read."""

import pytest

from bridge.errors import HomeserverUnavailableError


async def message(api) -> tuple[str, str]:
    """A message that was sent: its conversation and its id."""
    sent = await (await api.send()).json()
    return sent["conversation_id"], sent["message_id"]


async def mark(api, message_id: str, **options: object):
    """POST …/read."""
    return await api.call("POST", f"/api/messages/{message_id.replace('$', '%24')}/read", **options)


async def test_a_message_is_marked_with_and_without_its_conversation(api) -> None:
    """No body, an empty one, or the conversation: the same answer, as often as one likes."""
    room, message_id = await message(api)
    for options in (
        {},
        {"json": {}},
        {"json": {"conversation_id": room}},
        {"json": {"conversation_id": None}},
    ):
        response = await mark(api, message_id, **options)
        assert response.status == 200
        assert await response.json() == {
            "conversation_id": room,
            "message_id": message_id,
            "unread_count": 0,
        }


async def test_what_nobody_has_seen_is_not_found(api) -> None:
    """An unknown message, and one of another conversation."""
    _, message_id = await message(api)
    assert (await mark(api, "$nothing")).status == 404
    assert (await mark(api, message_id, json={"conversation_id": "!elsewhere"})).status == 404


@pytest.mark.parametrize(
    ("message_id", "options", "status"),
    [
        ("no-event", {}, 422),
        ("$event0", {"json": {"conversation_id": "nothing"}}, 422),
        ("$event0", {"json": {"more": 1}}, 422),
        ("$event0", {"json": []}, 422),
        ("$event0", {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("$event0", {"data": b"hola", "headers": {"Content-Type": "text/plain"}}, 415),
    ],
)
async def test_bad_requests(api, message_id: str, options: dict[str, object], status: int) -> None:
    """A body, where there is one, is read as any other."""
    await message(api)
    headers = {**api.headers(), **options.pop("headers", {})}
    assert (await mark(api, message_id, headers=headers, **options)).status == status


async def test_the_homeserver_may_be_away(api) -> None:
    """503 with Retry-After."""
    _, message_id = await message(api)
    api.clinic.failure = HomeserverUnavailableError(retry_after_s=3)
    response = await mark(api, message_id)
    assert (response.status, response.headers["Retry-After"]) == (503, "3")
