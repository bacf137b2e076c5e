"""What Lucía writes and reads."""

from typing import Any

from bridge.matrix.errors import MatrixError
from bridge.messages_model import SentMessage
from bridge.storage.sends import sends
from tests.bridge.clinic import GARCIA, LUCIA, Clinic
from tests.bridge.process import Process


async def send(clinic: Clinic, process: Process | None = None, **changes: Any) -> SentMessage:
    """Lucia writes to Garcia, unless something else is said."""
    message = {
        "sender": LUCIA,
        "conversation_id": None,
        "recipient": None if "conversation_id" in changes else GARCIA,
        "body": "hola",
        "reply_to": None,
        "operation_id": f"operation {len(await clinic.rows(sends))}",
    }
    return await (process or clinic.main).messages.send(**message | changes)


async def read(clinic: Clinic, conversation_id: str, **changes: Any) -> Any:
    """The newest messages, as Lucia reads them."""
    page = {"reader": LUCIA, "limit": 50, "before": None}
    return await clinic.main.messages.history(conversation_id=conversation_id, **page | changes)


BROKEN = MatrixError(status=502, errcode="M_UNKNOWN", message="oh")
