"""Messages that carry files: one event each, the caption with the first, all accepted in one transaction."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from appointments.sealing import Sealer
from bridge.attachments import store
from bridge.attachments.content import message_content
from bridge.matrix.json import JsonObject


def send_ids(operation_id: str, *, files: int) -> list[str]:
    """The ids of the messages that this operation sends: a text's one, or one for each file."""
    return [operation_id, *(f"{operation_id}:{number}" for number in range(1, files))]


async def claimed_contents(
    connection: AsyncConnection,
    *,
    sealer: Sealer,
    attachments: Sequence[str],
    conversation_id: str,
    owner: str,
    caption: str,
    ids: Sequence[str],
) -> list[JsonObject]:
    """The contents of the messages with these ids, one for each file. Raises AttachmentUnusableError."""
    contents = []
    for index, (attachment_id, send_id) in enumerate(zip(attachments, ids, strict=True)):
        details = await store.claim(
            connection,
            sealer=sealer,
            index=index,
            attachment_id=attachment_id,
            conversation_id=conversation_id,
            owner=owner,
            send_id=send_id,
        )
        contents.append(message_content(details, caption="" if index else caption))
    return contents
