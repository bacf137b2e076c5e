"""The pages for people: what this is (`/`) and how the API works (`/docs`). No scripts, nothing from elsewhere."""

import base64
import json
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bots.i18n import LANGUAGES, Language, translate
from bridge.http.models import PageQuery
from bridge.http.openapi import Document
from bridge.http.problems import Problem
from bridge.http.routing import Answer, Context, Handler

_HTML = "text/html; charset=utf-8"


def landing_page() -> Handler:
    """The handler of `/`."""
    return _page({language: _render("landing.html", language) for language in LANGUAGES})


def docs_page(documents: dict[Language, Document]) -> Handler:
    """The handler of `/docs`, which shows these OpenAPI documents."""
    return _page(
        {
            language: _render(
                "docs.html",
                language,
                document=document,
                operations=_operations(document),
                problems=list(Problem),
                schemas=[
                    (name, json.dumps(schema, indent=2, ensure_ascii=False))
                    for name, schema in document["components"]["schemas"].items()
                ],
            )
            for language, document in documents.items()
        }
    )


def _page(texts: dict[Language, bytes]) -> Handler:
    policy = (
        f"default-src 'none'; style-src 'sha256-{_hash(_style())}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )

    async def show(context: Context, *, query: PageQuery) -> Answer:
        language = query.lang or context.language
        headers = {
            "Content-Language": language,
            "Content-Security-Policy": policy,
            "Cache-Control": "no-cache",
            "Vary": "Accept-Language",
        }
        return Answer(body=texts[language], content_type=_HTML, headers=headers)

    return show


def _render(template: str, language: Language, **values: Any) -> bytes:
    environment = Environment(loader=PackageLoader("bridge.http"), autoescape=True, undefined=StrictUndefined)
    text = environment.get_template(template).render(
        language=language,
        style=Markup(_style()),  # noqa: S704 - our own file
        t=partial(translate, language),
        **values,
    )
    return text.encode()


def _style() -> str:
    return files("bridge.http").joinpath("templates", "style.css").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(sha256(text.encode()).digest()).decode()


def _operations(document: Document) -> list[dict[str, Any]]:
    return [
        {
            "x-scope": None,
            **operation,
            "method": method.upper(),
            "path": path,
            "body": _schema_name(operation.get("requestBody", {})),
            "answers": [
                {
                    "status": status,
                    "description": response["description"],
                    "schema": _schema_name(response),
                }
                for status, response in operation["responses"].items()
            ],
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _schema_name(holder: dict[str, Any]) -> str | None:
    schema = holder.get("content", {}).get("application/json", {}).get("schema", {})
    reference: str | None = schema.get("$ref")
    return None if reference is None else reference.rpartition("/")[2]
