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


def _ask(body: Any, authorization: str | None = f"Bearer {SECRET}") -> Any:
    header = None if authorization is None else authorization.encode()
    content = BytesIO(json.dumps(body).encode())
    request: Any = SimpleNamespace(getHeader=lambda _name: header, content=content)
    return result(_resource()._async_render_POST(request))


def test_up_to_where_a_server_was_sent_events() -> None:
    """The place in the stream of each that is known, and the last one that the server took."""
    asked = {"server": "hospital", "event_ids": ["$known", "$x", "$before", 7]}
    assert _ask(asked) == (200, {"events": {"$known": 41, "$before": 40}, "sent": 40})
    assert _ask({"server": "elsewhere", "event_ids": []}) == (200, {"events": {}, "sent": None})


@pytest.mark.parametrize(
    "body",
    [{}, {"server": "hospital"}, {"server": 1, "event_ids": []}, {"server": "h", "event_ids": ["$x"] * 201}],
)
def test_a_question_of_another_shape(body: Any) -> None:
    """400; a list of any length would keep the homeserver's database busy."""
    with pytest.raises(SynapseError) as refused:
        _ask(body)
    assert refused.value.code == 400


@pytest.mark.parametrize("authorization", [None, "", SECRET, f"Bearer {SECRET}x", "Bearer ñ"])
def test_the_secret_comes_first(authorization: str | None) -> None:
    """Without it nobody learns which events there are."""
    for event_id in ("$known", "$x"):
        with pytest.raises(SynapseError) as refused:
            _ask({"server": "hospital", "event_ids": [event_id]}, authorization)
        assert refused.value.code == 401
