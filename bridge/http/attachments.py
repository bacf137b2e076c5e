"""Uploading and downloading files as a managed user."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bridge.attachments.names import content_disposition
from bridge.http.attachment_models import AttachmentPath, Upload, UploadedAnswer
from bridge.http.ranges import ACCEPT_RANGES, content_range, part_of
from bridge.http.routing import Answer, Context, Stream, StreamAnswer, json_answer


async def upload_attachment(context: Context, *, body: Upload) -> Answer:
    """POST /api/messages/upload-attachment."""
    uploaded = await context.services.uploads.keep(
        body.file,
        owner=context.acting_for,
        conversation_id=body.conversation_id,
        operation_id=context.operation_id,
    )
    return json_answer(UploadedAnswer.model_validate(uploaded), status=201)


async def download_attachment(context: Context, *, path: AttachmentPath) -> StreamAnswer:
    """GET /api/messages/attachment/{attachment_id}."""
    return StreamAnswer(_stream(context, path.attachment_id))


@asynccontextmanager
async def _stream(context: Context, attachment_id: str) -> AsyncGenerator[Stream]:
    downloads = context.services.downloads
    async with downloads.opened(reader=context.acting_for, attachment_id=attachment_id) as file:
        tag = f'"{file.file.digest}"'
        headers = {
            "Content-Type": file.mime_type,
            "Content-Disposition": content_disposition(file.name),
            "ETag": tag,
        }
        if file.size is None:  # then no part of it has a place
            yield Stream(pieces=file.pieces(), size=None, headers=headers)
            return
        headers |= ACCEPT_RANGES
        # Who has a part of something else goes on with all of this.
        part = part_of(context.asked_range, size=file.size) if context.if_range in (None, tag) else None
        if part is None:
            yield Stream(pieces=file.pieces(), size=file.size, headers=headers)
        else:
            headers |= content_range(part, size=file.size)
            yield Stream(status=206, pieces=file.pieces(part), size=len(part), headers=headers)
