"""Reading what a caller sends: untrusted bytes become models, or a problem that says what to mend."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.http.fields import MAX_MESSAGE_BYTES
from bridge.http.problems import FieldError, Problem, ProblemError

PATIENCE_S = 60.0
"""In which a body is whole, and each piece of a file is here (bridge/http/uploads.py).

Whoever takes longer is gone, though her connection may not know it for hours: she must hold no place.
"""

_AS_IT_IS = "identity"

# pydantic's error types -> our texts, with the name of the limit in pydantic's context.
_TEXTS = {
    "missing": ("missing", ""),
    "extra_forbidden": ("extra", ""),
    "string_type": ("type-string", ""),
    "string_unicode": ("surrogate", ""),
    "model_type": ("type-object", ""),
    "list_type": ("type-list", ""),
    "int_type": ("type-integer", ""),
    "string_too_short": ("too-short", "min_length"),
    "string_too_long": ("too-long", "max_length"),
    "too_long": ("too-many", "max_length"),
    "greater_than_equal": ("too-small", "ge"),
    "less_than_equal": ("too-big", "le"),
}
_OWN_TEXTS = frozenset(
    {
        "blank",
        "control-characters",
        "surrogate",
        "user-id",
        "room-id",
        "event-id",
        "instant",
        "one-target",
        "one-login",
        "one-person",
        "empty-quiet-hours",
        "time-of-day",
        "date",
        "visit-type",
    }
)


def require_plain(request: web.Request) -> None:
    """Nothing is unpacked: what strangers pack can be small and grow without end. Raises ProblemError (415)."""
    if request.headers.get(hdrs.CONTENT_ENCODING, _AS_IT_IS).strip().lower() != _AS_IT_IS:
        raise ProblemError(
            Problem.UNSUPPORTED_MEDIA_TYPE,
            detail_key="problem.unsupported-media-type.encoding",
            headers={hdrs.ACCEPT_ENCODING: _AS_IT_IS},
        )


async def read_json(request: web.Request, *, limit: int) -> Any:
    """The body as JSON. Raises ProblemError: 415, 413, 400."""
    require_plain(request)
    if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
        raise ProblemError(Problem.UNSUPPORTED_MEDIA_TYPE)
    raw = await _read_body(request, limit=limit)
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ProblemError(Problem.BAD_JSON) from error


async def _read_body(request: web.Request, *, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise ProblemError(Problem.BODY_TOO_LARGE)
    read = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for chunk in request.content.iter_any():
                read += chunk
                if len(read) > limit:
                    raise ProblemError(Problem.BODY_TOO_LARGE)
    except (web.RequestPayloadError, HttpProcessingError, TimeoutError) as error:
        raise ProblemError(Problem.BAD_REQUEST) from error
    return bytes(read)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def read_query(request: web.Request) -> dict[str, Any]:
    """The query's parameters; one that is given twice is a list, which no parameter takes."""
    values: dict[str, Any] = {}
    for name in request.query:
        given = request.query.getall(name)
        values[name] = given[0] if len(given) == 1 else given
    return values


def parse(model: type[BaseModel], raw: Any, *, place: str) -> BaseModel:
    """The model. Raises ProblemError listing everything that has to be mended; `place` as in FieldError."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        # Neither the values nor pydantic's own words go any further.
        details = error.errors(include_url=False, include_input=False)
        raise _refusal(details, place) from None


def _refusal(details: list[ErrorDetails], place: str) -> ProblemError:
    if any(item["type"] == "message-too-large" for item in details):
        return ProblemError(Problem.MESSAGE_TOO_LARGE, limit=MAX_MESSAGE_BYTES)
    return ProblemError(Problem.VALIDATION, errors=[_field_error(item, place) for item in details])


def _field_error(item: ErrorDetails, place: str) -> FieldError:
    name = _pointer(item["loc"]) if place == "pointer" else ".".join(map(str, item["loc"]))
    if item["type"] in _OWN_TEXTS:
        return FieldError(place, name, item["type"])
    text, limit = _TEXTS.get(item["type"], ("invalid", ""))
    parameters: Mapping[str, object] = {"limit": item["ctx"][limit]} if limit else {}
    return FieldError(place, name, text, parameters)


def _pointer(location: tuple[int | str, ...]) -> str:
    """A JSON pointer (RFC 6901) in its URI fragment form, as RFC 9457 shows it."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "#" + "".join(f"/{quote(part, safe='~', errors='replace')}" for part in parts)
