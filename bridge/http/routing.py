"""What a row of the route table is, what a handler is given, and what it gives back."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel

from bots.i18n import Language
from bridge.callers.apikeys import Scope
from bridge.callers.idempotency import Claim
from bridge.callers.sessions import SessionKind
from bridge.http.ports import Services
from bridge.http.problems import Problem

JSON = "application/json"
NO_SESSION: frozenset[SessionKind] = frozenset()
OWN_SESSION: frozenset[SessionKind] = frozenset({"own"})
MANAGED_SESSION: frozenset[SessionKind] = frozenset({"managed"})
ANY_SESSION: frozenset[SessionKind] = frozenset({"managed", "own"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, as their credentials say.

    `user_id` is the person it is for: whose session it is, or whom the API key acts for (empty where the route
    needs nobody). `key_id` and `token` are what a key or a session is known by.
    """

    kind: Literal["nobody", "key", "managed", "own"] = "nobody"
    user_id: str = ""
    key_id: str = ""
    token: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The key, or a person's kind of session: who logs in anew goes on with what they began."""
        return self.key_id or self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a handler knows besides path, query and body.

    `operation_id` is the same whenever a request comes again with its Idempotency-Key, and else new; where the route
    `claims`, such a request has a `claim` to be made, which gives it. `last_event_id`, `asked_range` (of a GET) and
    `if_range` are those headers' values. `readmit` looks at the credentials once more, for what takes long, and
    raises as at first.
    """

    services: Services
    language: Language
    caller: Caller = Caller()
    operation_id: str = ""
    claim: Claim | None = None
    last_event_id: str | None = None
    asked_range: str | None = None
    if_range: str | None = None
    readmit: Callable[[], Awaitable[object]] | None = None

    @property
    def acting_for(self) -> str:
        """The person whom the request is for (empty where the route needs nobody)."""
        return self.caller.user_id

    @property
    def counted_as(self) -> str:
        """Whose share of requests and event streams this is: a person's, or a key's for one person."""
        return f"{self.caller.name} {self.acting_for}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler says."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A body that is sent while it is made; `size` in bytes, if it is known."""

    status: int = 200
    pieces: AsyncGenerator[bytes]
    size: int | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StreamAnswer:
    """What a handler says in a stream.

    It is opened, and its first piece made, before anything is sent: what they raise is refused as anything else. An
    exception after that breaks the connection off, so nobody takes what came for the whole.
    """

    opened: AbstractAsyncContextManager[Stream]


Handler = Callable[..., Awaitable[Answer | StreamAnswer]]
"""Called with a Context and, by name, the route's models."""

Receive = Callable[[Context, web.Request], AbstractAsyncContextManager[BaseModel]]
"""Reads a body that is no JSON, for as long as the request runs. The model's own JSON is what makes two requests
with one Idempotency-Key the same."""


def json_answer(model: BaseModel, *, status: int = 200) -> Answer:
    """An answer with this model as its JSON body."""
    return Answer(status=status, body=model.model_dump_json(by_alias=True).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation of the API: how it is called, who may call it, what it answers.

    An API key needs the `scope`; with `acts` it names a managed user in X-Act-As, with `may_act` it may. `sessions`
    are the kinds that may call, each for its own person: a managed user's with the scope of the key that made it.
    `logs_in`: whoever has no credentials yet may call too, so often only as the settings say.

    The handler is called with a Context and, where the route has a model for it, `path`, `query` and `body`
    (`body_is_optional`: none is the same as an empty object); `body` is what `receive` gives where the route has
    that, of which `form` is the schema.
    `claims`: the handler claims what came with an Idempotency-Key, in its own transactions.
    `refuse` is asked when a request is invalid, with the raw values: it raises what comes before validation
    in the order of refusals. `answers` holds a model, or a content type, or None for no content.
    """

    method: str
    path: str
    operation: str
    handler: Handler
    scope: Scope | None = None
    acts: bool = False
    may_act: bool = False
    sessions: frozenset[SessionKind] = NO_SESSION
    logs_in: bool = False
    path_model: type[BaseModel] | None = None
    query_model: type[BaseModel] | None = None
    body_model: type[BaseModel] | None = None
    body_is_optional: bool = False
    receive: Receive | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    refuse: Callable[[Context, Mapping[str, Any]], Awaitable[None]] | None = None
    answers: Mapping[int, type[BaseModel] | str | None]
    problems: tuple[Problem, ...] = ()
    claims: bool = False
    documented: bool = True

    @property
    def needs_credentials(self) -> bool:
        """Whether nobody calls without a key or a session."""
        return not self.logs_in and (self.scope is not None or bool(self.sessions))

    @property
    def takes_credentials(self) -> bool:
        """Whether a key or a session can be given."""
        return self.logs_in or self.needs_credentials

    @property
    def takes_key(self) -> bool:
        """Whether an API key can call."""
        return self.scope is not None or self.acts

    @property
    def takes_idempotency_key(self) -> bool:
        """Whether a second request with the same Idempotency-Key gets the first one's answer."""
        return self.method == "POST" and not self.logs_in
