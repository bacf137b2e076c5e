"""Subscribing to pushes over HTTP."""

import pytest

from bridge.deliveries.webpush import decode, is_point

SUBSCRIPTIONS = "/api/notifications/push-subscriptions"
KEYS = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
BROWSER = {"endpoint": "https://push.example/send/abc", "expirationTime": None, "keys": KEYS}


async def test_a_browser_subscribes_and_goes(api) -> None:
    """With our key; it gets what a pusher needs, and may go twice."""
    key = await (await api.call("GET", "/api/notifications/push-key")).json()
    assert is_point(decode(key["public_key"]))
    answer = await api.call("POST", SUBSCRIPTIONS, json=BROWSER)
    made = await answer.json()
    assert answer.status == 201
    assert made["gateway_url"].endswith("/_matrix/push/v1/notify")
    for _ in range(2):
        assert (await api.call("DELETE", f"{SUBSCRIPTIONS}/{made['subscription_id']}")).status == 204


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"endpoint": "http://push.example/send/abc"}, "#/endpoint"),
        ({"endpoint": "https://user:word@push.example/"}, "#/endpoint"),
        ({"endpoint": "https://0x7f.1/"}, "#/endpoint"),
        ({"endpoint": "https://"}, "#/endpoint"),
        ({"keys": {**KEYS, "p256dh": "A" * 87}}, "#/keys/p256dh"),
        ({"keys": {**KEYS, "auth": "!" * 22}}, "#/keys/auth"),
        ({"keys": {"p256dh": KEYS["p256dh"]}}, "#/keys/auth"),
    ],
)
async def test_what_is_no_subscription_is_refused(api, changes, pointer) -> None:
    """422 that points at it."""
    answer = await api.call("POST", SUBSCRIPTIONS, json=BROWSER | changes)
    assert answer.status == 422
    assert [error["pointer"] for error in (await answer.json())["errors"]] == [pointer]
