"""The Idempotency-Key over HTTP, on each kind of database."""

import asyncio

import pytest

from bridge.errors import HomeserverUnavailableError

KEY = "Idempotency-Key"


async def send(api, key="k1", **body: object):
    """Send with this key: status and body of the answer."""
    response = await api.send(headers=api.headers(**{KEY: key}), **body)
    return response.status, await response.json(content_type=None)


def count(api) -> int:
    """How many messages were really sent."""
    return len(api.clinic.sent)


async def test_the_first_answer_comes_again(api_on_each) -> None:
    """Same key and body: one message, the same 201; how the JSON is spelled does not matter."""
    first = await send(api_on_each, body="hola")
    assert first[0] == 201
    assert await send(api_on_each, body="hola") == first
    assert await send(api_on_each, body="hola", reply_to=None) == first
    assert count(api_on_each) == 1


async def test_without_a_key_each_request_is_its_own(api) -> None:
    """Two equal messages are two messages."""
    await api.send()
    await api.send()
    assert count(api) == 2


async def test_another_body_is_refused(api_on_each) -> None:
    """Same key, other body: 422, and nothing is sent."""
    await send(api_on_each, body="hola")
    status, document = await send(api_on_each, body="adiós")
    assert (status, document["type"]) == (422, "/problems/idempotency-key-reused")
    assert count(api_on_each) == 1


async def test_a_running_request_is_a_409(api) -> None:
    """The second of two at once is told to wait, and then gets the first's answer."""
    going, gate = asyncio.Event(), asyncio.Event()
    send_now = api.services.messages.send

    async def slowly(**arguments: object):
        going.set()
        await gate.wait()
        return await send_now(**arguments)

    api.services.messages.send = slowly
    first = asyncio.create_task(send(api))
    await going.wait()
    response = await api.send(headers=api.headers(**{KEY: "k1"}))
    assert response.status == 409
    assert int(response.headers["Retry-After"]) >= 1
    gate.set()
    answer = await first
    assert await send(api) == answer
    assert count(api) == 1


async def test_after_a_crash_the_request_is_run_again_once(api, open_api) -> None:
    """The process died after the service had sent: the next one gives the same message."""
    send_now = api.services.messages.send

    async def send_and_die(**arguments: object):
        await send_now(**arguments)
        raise asyncio.CancelledError

    api.services.messages.send = send_and_die
    with pytest.raises(Exception, match=r"disconnected|reset"):
        await send(api)
    again = await open_api(api.services.database, api.tokens, instance_id="two")
    again.clinic.sent = api.clinic.sent
    status, answer = await send(again)
    assert (status, answer["message_id"]) == (201, "$event0")
    assert count(again) == 1


async def test_a_failure_is_no_answer_to_keep(api) -> None:
    """After a 503 the same key tries again, as the same operation."""
    api.clinic.failure = HomeserverUnavailableError(retry_after_s=1)
    assert (await send(api))[0] == 503
    api.clinic.failure = None
    assert (await send(api))[0] == 201
    assert count(api) == 1


async def test_a_refusal_is_decided_anew(api) -> None:
    """Nothing was done, so nothing has to be remembered: care that begins meanwhile counts."""
    assert (await send(api, recipient="@lopez:h"))[0] == 403
    api.clinic.care.add(("@portal_lucia:p", "@lopez:h"))
    assert (await send(api, recipient="@lopez:h"))[0] == 201


async def test_keys_of_different_callers_do_not_meet(api) -> None:
    """Each caller has their own keys."""
    await send(api)
    response = await api.send(headers=api.headers(key="messages", **{KEY: "k1"}), body="otra cosa")
    assert response.status == 201
    assert count(api) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ñ"])
async def test_a_key_that_is_none_is_refused(api, key) -> None:
    """422 that names the header."""
    status, document = await send(api, key=key)
    assert (status, document["errors"][0]["parameter"]) == (422, KEY)


async def test_what_was_answered_is_sealed(api) -> None:
    """The stored answer is not plain text in the database."""
    await send(api)
    async with api.services.database.read() as connection:
        (row,) = (await connection.exec_driver_sql("SELECT answer_sealed FROM idempotency")).all()
    assert row.answer_sealed
    assert b"message_id" not in row.answer_sealed
