"""Which steps of somebody's ratchets made events, by what the homeserver has."""

from collections import Counter

import vodozemac

from bridge import app
from bridge.settings import Settings


async def uses_of_indexes(settings: Settings, room: str, *, sender: str) -> Counter[tuple[str, int]]:
    """How many events of this sender's there are in a room, by session id and message index."""
    used: Counter[tuple[str, int]] = Counter()
    token: str | None = None
    async with app.opened(settings) as gateway:
        while True:
            page = await gateway.matrix.messages(
                user_id=sender, room_id=room, limit=100, from_token=token, event_types=["m.room.encrypted"]
            )
            for event in page.chunk:
                if event["sender"] == sender:
                    message = vodozemac.MegolmMessage.from_base64(event["content"]["ciphertext"])
                    used[event["content"]["session_id"], message.message_index()] += 1
            token = page.end
            if token is None:
                return used
