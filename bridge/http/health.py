"""Whether the process lives and can work, and what it counts."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Literal

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bridge.http.health_models import LiveAnswer, ReadyAnswer
from bridge.http.ports import Check
from bridge.http.routing import Answer, Context, json_answer

_PATIENCE_S = 5
_log = logging.getLogger(__name__)
_State = Literal["ok", "failed"]


async def live(_context: Context) -> Answer:
    """GET /health/live."""
    return json_answer(LiveAnswer(status="ok"))


async def ready(context: Context) -> Answer:
    """GET /health/ready: 200, or 503 when something we depend on does not answer in time."""
    checks = await _run(context.services.checks)
    state: _State = "ok" if all(result == "ok" for result in checks.values()) else "failed"
    return json_answer(ReadyAnswer(status=state, checks=checks), status=200 if state == "ok" else 503)


async def metrics(context: Context) -> Answer:
    """GET /metrics, in Prometheus' text format."""
    return Answer(body=generate_latest(context.services.registry), content_type=CONTENT_TYPE_LATEST)


async def _run(checks: Mapping[str, Check]) -> dict[str, _State]:
    results = await asyncio.gather(*(_ask(name, check) for name, check in checks.items()))
    return dict(zip(checks, results, strict=True))


async def _ask(name: str, check: Check) -> _State:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return "ok" if await check() else "failed"
    except Exception:  # noqa: BLE001
        # Whatever went wrong, the answer is no; the process itself must stay able to say so.
        _log.warning("the check %s failed", name, exc_info=True)
        return "failed"
