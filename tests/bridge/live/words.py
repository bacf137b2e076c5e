"""What messages say, without a homeserver (the contract is bridge/live/streams.py's Words)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.live.bodies import Body


@dataclass
class FakeWords:
    """Words by message id; `failure`, if set, is raised, and each time counted."""

    texts: dict[str, str | None] = field(default_factory=dict)
    no_messages: set[str] = field(default_factory=set)
    failure: Exception | None = None
    failed: int = 0

    async def read(self, _reader: str, messages: Sequence[tuple[str, str]]) -> list[Body]:
        """As bridge/live/bodies.py answers."""
        if self.failure is not None:
            self.failed += 1
            raise self.failure
        return [
            Body(self.texts.get(event_id), is_message=event_id not in self.no_messages)
            for _, event_id in messages
        ]
