"""What schemathesis loads (SCHEMATHESIS_HOOKS): real ids in three requests of four, and a count of what succeeded.

Made-up ids meet 404 and 403 only. `VIDEOCONSULTA_SEEDS` names a JSON file: field or parameter → what is real there;
`VIDEOCONSULTA_REACHED` a file that gets, at the end, how often each operation answered with which status.
"""

import atexit
import json
import os
from collections import Counter, defaultdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response

_SEEDS: dict[str, list[str]] = json.loads(Path(os.environ["VIDEOCONSULTA_SEEDS"]).read_text())
_EITHER = ("conversation_id", "recipient")
"""Of these a message takes one."""

_IN_THE_WAY = ("patient", "version", "visit_type")
"""What rarely lets a real time be booked or moved to: somebody out of care, any version, any name."""

_reached: defaultdict[str, Counter[int]] = defaultdict(Counter)


def _number(generated: object) -> int:
    # Derived, not drawn: what is generated again, to make it smaller or to show it, stays the same.
    return int.from_bytes(sha256(repr(generated).encode()).digest()[:4])


def _with_real_ids(generated: Any) -> Any:
    number = _number(generated)
    if not isinstance(generated, dict) or number % 4 == 0:
        return generated
    real = {
        name: _SEEDS[name][number % len(_SEEDS[name])] if name in _SEEDS and isinstance(value, str) else value
        for name, value in generated.items()
    }
    if all(name in real for name in _EITHER) and number % 2:
        real[_EITHER[number // 4 % 2]] = None
    if real.get("body"):
        real.pop("attachments", None)  # made-up ones are never there; with a text none is needed
    if "start" in real:
        real = {name: value for name, value in real.items() if name not in _IN_THE_WAY}
        real |= {"professional": _SEEDS["recipient"][0]} if "professional" in real else {}
    return real


@schemathesis.hook
def map_path_parameters(_context: HookContext, path_parameters: Any) -> Any:
    """Whose and which."""
    return _with_real_ids(path_parameters)


@schemathesis.hook
def map_query(_context: HookContext, query: Any) -> Any:
    """As above."""
    return _with_real_ids(query)


@schemathesis.hook
def map_body(_context: HookContext, body: Any) -> Any:
    """As above."""
    return _with_real_ids(body)


@schemathesis.hook
def after_call(_context: HookContext, case: "Case[Any]", response: Response) -> None:
    """Counted."""
    _reached[case.operation.label][response.status_code] += 1


@atexit.register
def _tell() -> None:
    Path(os.environ["VIDEOCONSULTA_REACHED"]).write_text(json.dumps(_reached, indent=1))
