"""videoconsulta_synapse/delivered.py: the one question about deliveries, for who has the secret."""

from types import SimpleNamespace
from typing import Any

import pytest
from synapse.module_api.errors import SynapseError
from videoconsulta_synapse.delivered import Delivered

from tests.synapse_module.homeserver import Api, result

SECRET = "s" * 20


def _ask(authorization: str | None = f"Bearer {SECRET}", **query: str) -> Any:
    api = Api()
    api.rows = {"$known": 41, "hospital": 40}
    header = None if authorization is None else authorization.encode()
    request = SimpleNamespace(
        args={name.encode(): [value.encode()] for name, value in query.items()},
        getHeader=lambda _name: header,
    )
    resource = Delivered(api=api, secret=SECRET)  # type: ignore[arg-type]
    return result(resource._async_render_GET(request))  # type: ignore[arg-type]


def test_up_to_where_a_server_was_sent_events() -> None:
    """The event's place in the stream, and the last one that the server took."""
    assert _ask(server="hospital", event_id="$known") == (200, {"event": 41, "sent": 40})
    assert _ask(server="elsewhere", event_id="$known") == (200, {"event": 41, "sent": None})


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
