"""JSON as it stands on the wire, the one spelling of it that is compared and hashed, and what it takes in memory."""

import hashlib
import json
import re
from sys import getsizeof
from typing import Any

JsonObject = dict[str, Any]

_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")
"""Or a whole one: both are written so."""


def read_decrypted(plaintext: bytes) -> Any:
    """The JSON that somebody encrypted. A lone half of a surrogate pair becomes U+FFFD.

    JSON can spell one (a client has cut an emoji in two, say), UTF-8 can't: no answer of ours could hold it.
    Raises ValueError and RecursionError.
    """
    text = plaintext.decode()
    value = json.loads(text)
    if _HALF_A_PAIR.search(text) is None:
        return value
    units = json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return json.loads(units.decode("utf-16", "replace"))


def content_hash(value: JsonObject) -> str:
    """SHA-256 (hex) of the value's canonical JSON (Matrix specification, appendix 3.1).

    Raises ValueError for what no database could hold: NaN, infinity, lone surrogates.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def memory_of(value: JsonObject) -> int:
    """How many bytes it takes in memory, however deep it nests; what several parts of it share counts for each.

    Its length as JSON says little: a list of empty lists takes twenty times that.
    """
    taken = 0
    left: list[Any] = [value]
    while left:
        part = left.pop()
        taken += getsizeof(part)
        if isinstance(part, dict):
            left += part
            left += part.values()
        elif isinstance(part, list):
            left += part
    return taken
