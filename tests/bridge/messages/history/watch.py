"""What reading a history costs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.matrix.fake import Call


@dataclass
class Watch:
    """What is asked of the homeserver, and how many events are decrypted each time."""

    calls: list[Call]
    decrypted: list[int] = field(default_factory=list)

    def over(self, decrypt: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """This decryption, counted."""

        async def count(reader: str, events: Any, **options: Any) -> Any:
            self.decrypted.append(len(events))
            return await decrypt(reader, events, **options)

        return count

    def asked(self) -> list[int]:
        """The limits of the questions for messages since the last call."""
        limits = [call.arguments["limit"] for call in self.calls if call.method == "messages"]
        self.calls.clear()
        return limits
