"""bridge/matrix/json.py: what JSON takes in memory is counted, whatever its shape."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given

from bridge.matrix.json import JsonObject, memory_of
from tests.anything import anything

_SLACK = 256
MESSAGE = {
    "algorithm": "m.megolm.v1.aes-sha2",
    "ciphertext": "AwgA" * 200,
    "device_id": "ABCDEFGHIJ",
    "sender_key": "QVdyjuDVYjDAwrpZxhoOpfsWW5UO2DxmHHbDJbIFOE",
    "session_id": "5yMNhCQpFKzoUcMYxEKO9dBdVHkH0ZGtXbOWzSQYIiM",
}


def _parsed(text: str) -> tuple[JsonObject, int]:
    """What this JSON is, and the memory that it took to have it."""
    json.loads(text)  # whatever the parser itself keeps
    tracemalloc.start()
    try:
        value = json.loads(text)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return value, taken


@given(anything)
def test_nothing_takes_more_than_is_counted(value: Any) -> None:
    """Whatever it is: what is parsed twice is counted twice."""
    parsed, taken = _parsed(json.dumps({"content": value}))
    assert memory_of(parsed) >= taken - _SLACK


@pytest.mark.parametrize(
    "part", [[], {}, "ab", "ñ€", 1000, 1.5, {"ab": 1}, {"a": []}, [[[]]], "a" * 99 + "😀"], ids=repr
)
def test_many_small_parts_are_counted(part: Any) -> None:
    """Sixty-four KiB of them take up to a megabyte and a half; half of what is counted is there at least."""
    many = 65_000 // (len(json.dumps(part, ensure_ascii=False)) + 1)
    parsed, taken = _parsed(json.dumps({"many": [part] * many}))
    assert taken - _SLACK <= memory_of(parsed) <= 2 * taken


def test_a_message_is_what_is_counted() -> None:
    """Within a fifth."""
    parsed, taken = _parsed(json.dumps(MESSAGE))
    assert taken - _SLACK <= memory_of(parsed) <= 1.2 * taken


def test_what_nests_deep_is_counted() -> None:
    """Deeper than Python calls, or spells JSON."""
    deep: JsonObject = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert memory_of(deep) > 100_000 * 184
