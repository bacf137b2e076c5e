"""JSON as it stands on the wire, and the one spelling of it that can be compared and hashed."""

import hashlib
import json
from typing import Any

JsonObject = dict[str, Any]

_LARGEST_EVENT = 65536
"""Matrix specification, client-server API, "Size limits"."""


def content_hash(value: JsonObject) -> str:
    """SHA-256 (hex) of the value's canonical JSON (Matrix specification, appendix 3.1).

    Raises ValueError for what no database could hold: NaN, infinity, lone surrogates.
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def size_of(value: JsonObject) -> int:
    """About how many bytes it is as JSON; what nests too deep to be spelled counts as the largest event there is."""
    try:
        return len(json.dumps(value))
    except RecursionError:
        return _LARGEST_EVENT
