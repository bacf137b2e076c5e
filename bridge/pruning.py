"""What is done and need not be remembered any longer, forgotten: everything at once, each by its own rule."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.attachments import store as attachments
from bridge.callers import idempotency, sessions
from bridge.deliveries import ledger
from bridge.inbound import inbox
from bridge.live import placing
from bridge.messages import refused_sends
from bridge.notifications import message_news
from bridge.reminding import dialogues
from bridge.states import receipts


async def prune(connection: AsyncConnection, *, now: datetime) -> None:
    """Forget it. What somebody has yet to be told of stays, however old."""
    await inbox.prune(connection, now=now)
    await idempotency.prune(connection, now=now)
    await sessions.prune(connection, now=now)
    await dialogues.prune(connection, now=now)
    await placing.prune(connection, now=now, seen=await message_news.seen(connection))
    await ledger.prune(connection, now=now)
    await attachments.prune(connection, now=now)
    await receipts.prune(connection, now=now)
    await refused_sends.prune(connection, now=now)
