"""The documented schemas beside the models that serve them."""

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ValidationError

from bridge.http.openapi import openapi
from bridge.http.routes import API_ROUTES

DOCUMENT = openapi(API_ROUTES, language="es", version="1")


def accepts(model: type[BaseModel], body: object) -> bool:
    """Whether the server would take this body."""
    try:
        model.model_validate(body)
    except ValidationError:
        return False
    return True


def validator(name: str) -> Draft202012Validator:
    """The documented schema of this name."""
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    )
