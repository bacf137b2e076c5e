"""Reading an upload: a form of two fields, of which the file goes through piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar
from urllib.parse import unquote

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import TypeAdapter, ValidationError

from bridge.attachments.errors import TooLargeError
from bridge.attachments.receiving import Received
from bridge.http.attachment_models import Upload
from bridge.http.fields import RoomId
from bridge.http.form_content import FormContent
from bridge.http.problems import FieldError, Problem, ProblemError
from bridge.http.requests import PATIENCE_S, require_plain
from bridge.http.routing import Context

T = TypeVar("T")

_ROOM_ID: TypeAdapter[str] = TypeAdapter(RoomId)
_AROUND_THE_FILE = 64 * 1024
_LONGEST_FIELD = 1024
# aiohttp raises RuntimeError for a `_charset_` that is too long.
_MALFORMED = (
    ValueError,
    AssertionError,
    RuntimeError,
    web.RequestPayloadError,
    HttpProcessingError,
    ConnectionError,
    TimeoutError,
)


@asynccontextmanager
async def received_upload(context: Context, request: web.Request) -> AsyncGenerator[Upload]:
    """The form. Whoever names the conversation first is refused before the file is read.

    Raises ProblemError, and what the service of uploads raises.
    """
    require_plain(request)
    if request.content_type != "multipart/form-data":
        raise ProblemError(
            Problem.UNSUPPORTED_MEDIA_TYPE, detail_key="problem.unsupported-media-type.multipart"
        )
    limit = context.services.settings.attachments.max_bytes
    if (request.content_length or 0) > limit + _AROUND_THE_FILE:
        raise TooLargeError(limit)
    async with AsyncExitStack() as stack:
        content = FormContent(request)
        form = _Form(context, stack, content)
        reader = await _well_formed(content.parts())
        while (part := await _well_formed(reader.next())) is not None:
            await form.take(part)
        yield form.upload()


class _Form:
    def __init__(self, context: Context, stack: AsyncExitStack, content: FormContent) -> None:
        self._context = context
        self._stack = stack
        self._content = content
        self._conversation_id: str | None = None
        self._file: Received | None = None

    async def take(self, part: BodyPartReader | MultipartReader) -> None:
        """The next field."""
        if not isinstance(part, BodyPartReader):
            raise ProblemError(Problem.BAD_REQUEST)
        if part.name == "conversation_id" and self._conversation_id is None:
            self._conversation_id = await _conversation_id(part)
            await self._context.services.uploads.admit(
                owner=self._context.acting_for, conversation_id=self._conversation_id
            )
        elif part.name == "file" and self._file is None:
            self._file = await self._stack.enter_async_context(
                self._context.services.uploads.received(
                    self._pieces(),
                    owner=self._context.acting_for,
                    name=_name(part),
                    declared=_declared(part),
                    expected_bytes=self._content.expected_bytes() if self._conversation_id else None,
                )
            )
        else:
            raise _wrong(part.name or "", "extra")

    async def _pieces(self) -> AsyncIterator[bytes]:
        pieces = self._content.pieces()
        while piece := await _well_formed(anext(pieces, b"")):
            yield piece

    def upload(self) -> Upload:
        """What was sent, if it is all there."""
        if self._conversation_id is None:
            raise _wrong("conversation_id", "missing")
        if self._file is None:
            raise _wrong("file", "missing")
        return Upload(
            conversation_id=self._conversation_id,
            name=self._file.name,
            sha256=self._file.sha256,
            file=self._file,
        )


async def _conversation_id(part: BodyPartReader) -> str:
    raw = b""
    while len(raw) <= _LONGEST_FIELD and (piece := await _well_formed(part.read_chunk())):
        raw += piece
    try:
        return _ROOM_ID.validate_python(raw.decode())
    except (ValidationError, UnicodeDecodeError) as error:
        raise _wrong("conversation_id", "room-id") from error


async def _well_formed(reading: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await reading
    except _MALFORMED as error:
        raise ProblemError(Problem.BAD_REQUEST) from error


def _name(part: BodyPartReader) -> str:
    # Browsers encode quotation marks so (WHATWG, multipart/form-data); some clients all that isn't ASCII.
    raw = part.filename or ""
    return unquote(raw) if raw.isascii() else raw


def _declared(part: BodyPartReader) -> str | None:
    declared = part.headers.get("Content-Type")
    return None if declared is None else declared.partition(";")[0].strip().lower()


def _wrong(field: str, text: str) -> ProblemError:
    known = field if field in ("conversation_id", "file") else ""
    return ProblemError(Problem.VALIDATION, errors=[FieldError("pointer", f"#/{known}", text)])
