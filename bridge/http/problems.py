"""Problem documents (RFC 9457): every refusal a caller can meet, with texts in Spanish and English.

A problem's texts are `problem.{slug}.title` and `problem.{slug}.detail` (or a more exact `detail_key`) in the
catalogues of bots/locales.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiohttp import web

from bots.i18n import Language, translate


class Problem(Enum):
    """A kind of refusal: its stable name and its HTTP status."""

    BAD_JSON = ("bad-json", 400)
    ACT_AS_REQUIRED = ("act-as-required", 400)
    BAD_REQUEST = ("bad-request", 400)
    UNAUTHORIZED = ("unauthorized", 401)
    MISSING_SCOPE = ("missing-scope", 403)
    NOT_MANAGED = ("not-managed", 403)
    SERVER_NOT_ALLOWED = ("server-not-allowed", 403)
    NOT_IN_CARE_TEAM = ("not-in-care-team", 403)
    NOT_THE_PROFESSIONAL = ("not-the-professional", 403)
    MESSAGE_REFUSED = ("message-refused", 403)
    NOT_FOUND = ("not-found", 404)
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405)
    STILL_RUNNING = ("still-running", 409)
    IDENTITY_CHANGED = ("identity-changed", 409)
    SLOT_TAKEN = ("slot-taken", 409)
    TOO_EARLY = ("too-early", 409)
    TOO_LATE = ("too-late", 409)
    APPOINTMENT_STATE = ("appointment-state", 409)
    VERSION_CHANGED = ("version-changed", 409)
    NO_OFFER = ("no-offer", 409)
    BODY_TOO_LARGE = ("body-too-large", 413)
    ATTACHMENT_TOO_LARGE = ("attachment-too-large", 413)
    MESSAGE_TOO_LARGE = ("message-too-large", 413)
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415)
    ATTACHMENT_TYPE = ("attachment-type", 415)
    RANGE_NOT_SATISFIABLE = ("range-not-satisfiable", 416)
    ATTACHMENT_INFECTED = ("attachment-infected", 422)
    VALIDATION = ("validation", 422)
    SLOT_NOT_OFFERED = ("slot-not-offered", 422)
    IDEMPOTENCY_KEY_REUSED = ("idempotency-key-reused", 422)
    TOO_MANY_REQUESTS = ("too-many-requests", 429)
    INTERNAL = ("internal", 500)
    ATTACHMENT_BROKEN = ("attachment-broken", 502)
    UNAVAILABLE = ("unavailable", 503)

    def __init__(self, slug: str, status: int) -> None:
        self.slug = slug
        self.status = status


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing to mend: `place` is a key of the answer, `pointer` (in the body) or `parameter`."""

    place: str
    name: str
    text_key: str
    parameters: Mapping[str, object] = field(default_factory=dict)

    def render(self, language: Language) -> dict[str, str]:
        """As in `errors[]` of the document."""
        return {
            "detail": translate(language, f"field.{self.text_key}", **self.parameters),
            self.place: self.name,
        }


class ProblemError(Exception):
    """A refusal on its way to the caller; `members` are further ones of its document (RFC 9457, 3.2)."""

    def __init__(
        self,
        problem: Problem,
        *,
        detail_key: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        **parameters: object,
    ) -> None:
        super().__init__(problem.slug)
        self.problem = problem
        self.detail_key = detail_key or f"problem.{problem.slug}.detail"
        self.errors = errors
        self.headers = dict(headers or {})
        self.members = dict(members or {})
        self.parameters = parameters


def render(error: ProblemError, language: Language) -> dict[str, Any]:
    """The problem document."""
    problem = error.problem
    document: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": translate(language, f"problem.{problem.slug}.title"),
        "status": problem.status,
        "detail": translate(language, error.detail_key, **error.parameters),
    }
    if error.errors:
        document["errors"] = [item.render(language) for item in error.errors]
    return document | error.members


def problem_response(error: ProblemError, language: Language) -> web.Response:
    """The answer that carries the problem document."""
    return web.Response(
        status=error.problem.status,
        body=json.dumps(render(error, language), ensure_ascii=False).encode(),
        headers={
            **error.headers,
            "Content-Type": "application/problem+json",
            "Content-Language": language,
        },
    )
