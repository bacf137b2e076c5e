"""bots/rpc.py: the schemas that other clients are written against."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bots.rpc import CommandContent, Relation, ResultContent, read_call, schemas

MATRIX_DOCS = Path(__file__).parents[2] / "docs" / "matrix"


@pytest.mark.parametrize("name", schemas())
def test_the_documented_schema_is_current(name: str) -> None:
    """`make docs` writes it; it is a valid schema."""
    written = json.loads((MATRIX_DOCS / f"{name}.json").read_text(encoding="utf-8"))
    assert written == schemas()[name]
    Draft202012Validator.check_schema(written)


@pytest.mark.parametrize(
    ("content", "is_valid"),
    [
        ({"command": "help"}, True),
        (
            {
                "command": "consult",
                "arguments": {"with": "@x:y"},
                "locale": "es",
                "timezone": "Europe/Madrid",
            },
            True,
        ),
        ({"command": "help", "x.future": 1}, True),
        ({}, False),
        ({"command": 7}, False),
        ({"command": "help", "arguments": "x"}, False),
    ],
)
def test_the_schema_says_what_is_understood(content: dict[str, Any], *, is_valid: bool) -> None:
    """What it allows has a call, what it refuses is malformed."""
    validator = Draft202012Validator(CommandContent.model_json_schema())
    assert validator.is_valid(content) is is_valid
    assert (read_call(content) is not None) is is_valid


def test_a_result_is_as_its_schema_says() -> None:
    """Relation and all."""
    content = ResultContent(status="ok", text="x", data={}, relates_to=Relation(event_id="$1")).model_dump(
        by_alias=True
    )
    assert content["m.relates_to"] == {"rel_type": "m.reference", "event_id": "$1"}
    Draft202012Validator(schemas()["es.videoconsulta.result"]).validate(content)
