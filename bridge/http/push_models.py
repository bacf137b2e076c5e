"""What subscribing to pushes looks like (see models.py)."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from yarl import URL

from bridge.deliveries.webpush import decode, is_point
from bridge.http.models import AnswerModel, RequestModel
from bridge.openid.errors import BadServerNameError
from bridge.openid.names import parse_server_name

_AUTH_BYTES = 16


def _check_endpoint(value: str) -> str:
    try:
        url = URL(value)
        host = url.raw_host or ""
        is_fit = url.scheme == "https" and url.user is None and url.password is None
        parse_server_name(f"[{host}]" if ":" in host else host)
    except (ValueError, BadServerNameError):
        is_fit = False
    if not is_fit:
        raise PydanticCustomError("invalid", "is no https address")
    return value


def _check_point(value: str) -> str:
    if not is_point(_decoded(value)):
        raise PydanticCustomError("invalid", "is no P-256 public key")
    return value


def _check_auth(value: str) -> str:
    if len(_decoded(value)) != _AUTH_BYTES:
        raise PydanticCustomError("invalid", "is no authentication secret")
    return value


def _decoded(value: str) -> bytes:
    try:
        return decode(value)
    except ValueError:
        return b""


class PushKeys(RequestModel):
    """The browser's keys (RFC 8291), in base64url."""

    p256dh: Annotated[str, Field(min_length=86, max_length=90), AfterValidator(_check_point)]
    auth: Annotated[str, Field(min_length=22, max_length=24), AfterValidator(_check_auth)]


class Subscribe(RequestModel):
    """A PushSubscription as the browser gives it (`toJSON()`)."""

    endpoint: Annotated[str, Field(max_length=2048), AfterValidator(_check_endpoint)]
    expiration_time: float | None = Field(default=None, alias="expirationTime")
    keys: PushKeys


class SubscriptionPath(RequestModel):
    """Which subscription."""

    subscription_id: Annotated[str, Field(min_length=1, max_length=64)]


class SubscriptionAnswer(AnswerModel):
    """A Matrix client's pusher has the id as its `pushkey` and the address as its `data.url`."""

    subscription_id: str
    gateway_url: str


class PushKeyAnswer(AnswerModel):
    """What the browser subscribes with (`applicationServerKey`)."""

    public_key: str
