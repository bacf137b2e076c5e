"""What a row of the route table is, what a handler is given, and what it gives back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from bots.i18n import Language
from bridge.apikeys import Scope
from bridge.http.ports import Services
from bridge.http.problems import Problem

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a handler knows besides path, query and body.

    `acting_for` is the managed user of X-Act-As (empty where the route needs none). `operation_id` is the same
    whenever a request comes again with its Idempotency-Key, and else new.
    """

    services: Services
    language: Language
    acting_for: str = ""
    operation_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler says."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[..., Awaitable[Answer]]
"""Called with a Context and, by name, the route's models."""


def json_answer(model: BaseModel, *, status: int = 200) -> Answer:
    """An answer with this model as its JSON body."""
    return Answer(status=status, body=model.model_dump_json(by_alias=True).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API: how it is called, who may call it, what it answers.

    The handler is called with a Context and, where the route has a model for it, `path`, `query` and `body`.
    `refuse` is asked when a request is invalid, with the raw values: it raises what comes before validation
    in the order of refusals. `answers` holds a model, or a content type, or None for no content.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    scope: Scope | None = None
    acts: bool = False
    path_model: type[BaseModel] | None = None
    query_model: type[BaseModel] | None = None
    body_model: type[BaseModel] | None = None
    refuse: Callable[[Context, Mapping[str, Any]], Awaitable[None]] | None = None
    answers: Mapping[int, type[BaseModel] | str | None]
    problems: tuple[Problem, ...] = ()
    documented: bool = True
