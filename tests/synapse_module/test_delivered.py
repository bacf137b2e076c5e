"""videoconsulta_synapse/delivered.py: the one question about deliveries, for who has the secret."""

import json
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from synapse.module_api.errors import SynapseError
from videoconsulta_synapse.delivered import Delivered
from videoconsulta_synapse.secret import Secret

from tests.synapse_module.homeserver import Api, result

SECRET = "s" * 20


def _resource() -> Delivered:
    api: Any = Api()
    api.rows = {"$known": 41, "$before": 40, "hospital": 40}
    return Delivered(api=api, secret=Secret(SECRET))


def _request(authorization: str | None, **more: Any) -> Any:
    header = None if authorization is None else authorization.encode()
    return SimpleNamespace(getHeader=lambda _name: header, **more)


def _ask(authorization: str | None = f"Bearer {SECRET}", **query: str) -> Any:
    args = {name.encode(): [value.encode()] for name, value in query.items()}
    return result(_resource()._async_render_GET(_request(authorization, args=args)))


def _ask_many(body: Any, authorization: str | None = f"Bearer {SECRET}") -> Any:
    content = BytesIO(json.dumps(body).encode())
    return result(_resource()._async_render_POST(_request(authorization, content=content)))


def test_up_to_where_a_server_was_sent_events() -> None:
    """The event's place in the stream, and the last one that the server took."""
    assert _ask(server="hospital", event_id="$known") == (200, {"event": 41, "sent": 40})
    assert _ask(server="elsewhere", event_id="$known") == (200, {"event": 41, "sent": None})


def test_many_events_in_one_question() -> None:
    """The place of each that is known; nothing of the others."""
    asked = {"server": "hospital", "event_ids": ["$known", "$x", "$before", 7]}
    assert _ask_many(asked) == (200, {"events": {"$known": 41, "$before": 40}, "sent": 40})
    assert _ask_many({"server": "elsewhere", "event_ids": []}) == (200, {"events": {}, "sent": None})


@pytest.mark.parametrize(
    "body",
    [{}, {"server": "hospital"}, {"server": 1, "event_ids": []}, {"server": "h", "event_ids": ["$x"] * 201}],
)
def test_a_question_of_another_shape(body: Any) -> None:
    """400; a list of any length would keep the homeserver's database busy."""
    with pytest.raises(SynapseError) as refused:
        _ask_many(body)
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"server": "hospital", "event_id": "$x"}, 404),
        ({"server": "hospital"}, 400),
        ({"event_id": "$known"}, 400),
    ],
)
def test_what_there_is_not(query: dict[str, str], code: int) -> None:
    """An unknown event is 404; an incomplete question 400."""
    with pytest.raises(SynapseError) as refused:
        _ask(**query)
    assert refused.value.code == code


@pytest.mark.parametrize("authorization", [None, "", SECRET, f"Bearer {SECRET}x", "Bearer ñ"])
def test_the_secret_comes_first(authorization: str | None) -> None:
    """Without it nobody learns which events there are."""
    for event_id in ("$known", "$x"):
        with pytest.raises(SynapseError) as refused:
            _ask(authorization, server="hospital", event_id=event_id)
        assert refused.value.code == 401
        with pytest.raises(SynapseError) as refused:
            _ask_many({"server": "hospital", "event_ids": [event_id]}, authorization)
        assert refused.value.code == 401
