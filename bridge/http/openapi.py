"""The OpenAPI 3.1 document, made from the route table and the models that serve it."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from bots.i18n import Language, translate
from bridge.http.auth import ACT_AS
from bridge.http.endpoint import IDEMPOTENCY_KEY, LAST_EVENT_ID
from bridge.http.events import EVENT_STREAM
from bridge.http.problem_models import ProblemDocument
from bridge.http.problems import Problem
from bridge.http.ranges import IF_RANGE, RANGE
from bridge.http.routing import JSON, Route
from bridge.matrix.identifiers import USER_ID

Document = dict[str, Any]
_REF = "#/components/schemas/{model}"
_RETRY = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
_RETRIED = {Problem.STILL_RUNNING, Problem.UNAVAILABLE, Problem.TOO_MANY_REQUESTS}
_PARTIAL = 206
_REQUEST_ID = {"X-Request-Id": {"schema": {"type": "string"}}}


def openapi(routes: Iterable[Route], *, language: Language, version: str) -> Document:
    """The whole document, its texts in this language."""
    documented = [route for route in routes if route.documented]
    paths: dict[str, Document] = {}
    for route in documented:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, language)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": translate(language, "page.docs.title"),
            "version": version,
            "description": translate(language, "page.docs.problems-intro"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(documented),
            "securitySchemes": {
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": translate(language, "parameter.authorization"),
                },
                "session": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": translate(language, "parameter.session"),
                },
            },
        },
    }


def problems_of(route: Route) -> list[Problem]:
    """Every refusal that a caller of this route can meet, by status."""
    found = set(route.problems)
    if route.takes_credentials:
        found |= {Problem.UNAUTHORIZED, Problem.TOO_MANY_REQUESTS, Problem.UNAVAILABLE}
    if route.scope is not None or (route.takes_credentials and not route.sessions):
        found.add(Problem.MISSING_SCOPE)
    if route.acts:
        found |= {Problem.ACT_AS_REQUIRED, Problem.NOT_MANAGED}
    if route.may_act:
        found.add(Problem.NOT_MANAGED)
    if route.body_model is not None:
        found |= {
            Problem.BAD_REQUEST,
            Problem.BAD_JSON,
            Problem.BODY_TOO_LARGE,
            Problem.UNSUPPORTED_MEDIA_TYPE,
        }
    if route.receive is not None:
        found |= {Problem.BAD_REQUEST, Problem.UNSUPPORTED_MEDIA_TYPE, Problem.VALIDATION}
    if route.path_model or route.query_model or route.body_model:
        found.add(Problem.VALIDATION)
    if route.takes_idempotency_key:
        found |= {Problem.STILL_RUNNING, Problem.IDEMPOTENCY_KEY_REUSED, Problem.VALIDATION}
    return sorted(found, key=lambda problem: (problem.status, problem.slug))


def _operation(route: Route, language: Language) -> Document:
    operation: Document = {
        "operationId": route.operation,
        "summary": translate(language, f"operation.{route.operation}"),
        "description": translate(language, f"operation.{route.operation}.description"),
        "parameters": _parameters(route, language),
        "responses": _responses(route, language),
        "security": _security(route),
    }
    if route.scope:
        operation["x-scope"] = route.scope
    if route.body_model is not None:
        operation["requestBody"] = {
            "required": not route.body_is_optional,
            "content": {JSON: {"schema": _ref(route.body_model)}},
        }
    if route.receive is not None:
        content = {"multipart/form-data": {"schema": dict(route.form)}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _security(route: Route) -> list[Document]:
    ways: list[Document] = [{"apiKey": []}] if route.takes_key else []
    ways += [{"session": []}] if route.sessions else []
    # An empty requirement is one way among others: without (OpenAPI 3.1, Security Requirement).
    return [*ways, {}] if route.logs_in else ways


def _parameters(route: Route, language: Language) -> list[Document]:
    parameters: list[Document] = []
    if route.acts or route.may_act:
        schema = {"type": "string", "pattern": USER_ID, "maxLength": 255}
        required = route.acts and not route.sessions and not route.logs_in
        parameters.append(_header(ACT_AS, "act-as", schema, language, required=required))
    if route.takes_idempotency_key:
        schema = {"type": "string", "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 255}
        parameters.append(_header(IDEMPOTENCY_KEY, "idempotency-key", schema, language, required=False))
    if EVENT_STREAM in route.answers.values():
        schema = {"type": "string"}
        parameters.append(_header(LAST_EVENT_ID, "last-event-id", schema, language, required=False))
    if _PARTIAL in route.answers:
        for name, text in ((RANGE, "range"), (IF_RANGE, "if-range")):
            parameters.append(_header(name, text, {"type": "string"}, language, required=False))
    for place, model in (("path", route.path_model), ("query", route.query_model)):
        if model is not None:
            parameters += _fields(place, model, language)
    return parameters


def _header(name: str, text: str, schema: Document, language: Language, *, required: bool) -> Document:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": translate(language, f"parameter.{text}"),
        "schema": schema,
    }


def _fields(place: str, model: type[BaseModel], language: Language) -> list[Document]:
    schema = model.model_json_schema()
    return [
        {
            "name": name,
            "in": place,
            "required": name in schema.get("required", []),
            "description": translate(language, f"parameter.{name}"),
            "schema": _not_null(field),
        }
        for name, field in schema["properties"].items()
    ]


def _not_null(field: Mapping[str, Any]) -> Document:
    """A parameter's own schema: left out is no value of it, and it needs no title."""
    kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
    return {name: value for name, value in kinds[0].items() if name not in {"title", "default"}} | (
        {"default": field["default"]} if field.get("default") is not None else {}
    )


def _responses(route: Route, language: Language) -> Document:
    responses: Document = {}
    for status, content in sorted(route.answers.items()):
        responses[str(status)] = {
            "description": translate(language, f"answer.{status}"),
            "headers": _REQUEST_ID,
        }
        if isinstance(content, str):
            responses[str(status)]["content"] = {content: {"schema": {}}}
        elif content is not None:
            responses[str(status)]["content"] = {JSON: {"schema": _ref(content)}}
    by_status: dict[int, list[Problem]] = {}
    for problem in problems_of(route):
        by_status.setdefault(problem.status, []).append(problem)
    return responses | {str(status): _refusal(items, language) for status, items in by_status.items()}


def _refusal(problems: list[Problem], language: Language) -> Document:
    titles = (
        f"{translate(language, f'problem.{item.slug}.title')} (`/problems/{item.slug}`)" for item in problems
    )
    retries = any(item in _RETRIED for item in problems)
    kinds = {"properties": {"type": {"enum": [f"/problems/{item.slug}" for item in problems]}}}
    return {
        "description": "; ".join(titles) + ".",
        "headers": _REQUEST_ID | (_RETRY if retries else {}),
        "content": {"application/problem+json": {"schema": {"allOf": [_ref(ProblemDocument), kinds]}}},
    }


def _ref(model: type[BaseModel]) -> Document:
    return {"$ref": _REF.format(model=model.__name__)}


def _schemas(routes: list[Route]) -> Document:
    wanted: dict[type[BaseModel], JsonSchemaMode] = {ProblemDocument: "validation"}
    for route in routes:
        if route.body_model is not None:
            wanted[route.body_model] = "validation"
        for content in route.answers.values():
            if content is not None and not isinstance(content, str):
                wanted[content] = "serialization"
    _, definitions = models_json_schema(list(wanted.items()), ref_template=_REF)
    schemas: Document = definitions["$defs"]
    return schemas
