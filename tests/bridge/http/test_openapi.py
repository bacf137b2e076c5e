"""/openapi.json: exact, complete, and the same as what is served (conftest checks every answer against it)."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bridge.http.care_models import PutCare
from bridge.http.message_models import SendMessage
from bridge.http.openapi import problems_of
from bridge.http.routes import API_ROUTES
from tests.bridge.http.schemas import DOCUMENT, accepts, validator


def references(node: object) -> set[str]:
    """Every $ref below this node."""
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()


async def test_it_is_served_in_both_languages(api) -> None:
    """OpenAPI 3.1 JSON, without credentials, in the caller's language."""
    texts = []
    for language in ("es", "en"):
        response = await api.call("GET", "/openapi.json", headers={"Accept-Language": language})
        assert (response.status, response.content_type) == (200, "application/json")
        document = await response.json()
        assert document["openapi"].startswith("3.1.")
        texts.append(document["paths"]["/api/messages/send"]["post"]["summary"])
    assert texts[0] != texts[1]


def test_every_reference_leads_somewhere_and_every_schema_is_used() -> None:
    """No dangling $ref, no left-over schema; all of it is valid JSON Schema."""
    schemas = DOCUMENT["components"]["schemas"]
    assert references(DOCUMENT) == {f"#/components/schemas/{name}" for name in schemas}
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False


def test_path_parameters_are_declared() -> None:
    """Each {name} of a path is a required parameter, and none is declared that is not there."""
    for path, operations in DOCUMENT["paths"].items():
        wanted = set(re.findall(r"{(\w+)}", path))
        for operation in operations.values():
            declared = [one for one in operation["parameters"] if one["in"] == "path"]
            assert {one["name"] for one in declared} == wanted
            assert all(one["required"] for one in declared)


@pytest.mark.parametrize("route", API_ROUTES, ids=lambda route: route.operation)
def test_every_refusal_is_documented(route) -> None:
    """401 where credentials are taken, 403 with a scope; 400, 413, 415 and 422 with a body; 409 with a key."""
    statuses = {problem.status for problem in problems_of(route)}
    assert not route.scope or {401, 403, 503} <= statuses
    assert not route.sessions or {401, 503} <= statuses
    assert not route.logs_in or {401, 403, 429, 503} <= statuses
    assert not route.acts or {400, 403} <= statuses
    assert not route.body_model or {400, 413, 415, 422} <= statuses
    assert not route.takes_idempotency_key or 409 in statuses
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    assert {int(status) for status in operation["responses"]} == statuses | set(route.answers)
    ways = {way for requirement in operation["security"] for way in requirement}
    assert ways == ({"apiKey"} if route.scope or route.acts else set()) | (
        {"session"} if route.sessions else set()
    )
    # Whoever logs in has nothing to show yet; everywhere else there is no way around credentials.
    assert ({} in operation["security"]) == route.logs_in


TEXTS = st.sampled_from(
    ["", " ", "a", "a\nb", "\x00", "a\x85", "ñ" * 64, "x" * 65, "@garcia:h", "!r", "$e", "@a:b c"]
)


VALUES = st.none() | st.integers() | st.lists(TEXTS, max_size=1) | TEXTS


@example({"body": "a"})
@example({"body": "a", "recipient": "@garcia:h"})
@example(
    {"body": "a", "recipient": "@garcia:h", "conversation_id": None, "reply_to": None, "attachments": []}
)
@example({"body": "a", "recipient": "@garcia:h", "conversation_id": "!r"})
@example({"body": "a", "recipient": None, "conversation_id": None})
@given(st.dictionaries(st.sampled_from([*SendMessage.model_fields, "other"]), VALUES))
def test_the_schema_of_a_message_is_what_the_server_takes(body: dict) -> None:
    """Neither stricter nor laxer (but for the size in bytes, which no schema can say)."""
    assert validator("SendMessage").is_valid(body) == accepts(SendMessage, body), json.dumps(body)


@given(st.dictionaries(st.sampled_from(["role", "until", "reason", "other"]), VALUES))
def test_the_schema_of_care_is_what_the_server_takes(body: dict) -> None:
    """Neither stricter nor laxer (but for the format of times, which validators treat as a remark)."""
    body.pop("until", None)
    assert validator("PutCare").is_valid(body) == accepts(PutCare, body), json.dumps(body)
