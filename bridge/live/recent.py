"""What was sent or pushed a moment ago, still encrypted: streams need not ask the homeserver for that again."""

from collections import OrderedDict

from bridge.e2ee.model import EncryptedEvent

_KEPT = 256


class RecentEvents:
    """The last encrypted events, by id."""

    def __init__(self) -> None:
        self._events: OrderedDict[str, EncryptedEvent] = OrderedDict()
        self._sent: set[str] = set()

    def keep(self, event: EncryptedEvent, *, is_sent: bool = False) -> None:
        """Keep it for a while. `is_sent`: by us, and the fact of that is committed."""
        self._events[event.event_id] = event
        if is_sent:
            self._sent.add(event.event_id)
        if len(self._events) > _KEPT:
            oldest, _ = self._events.popitem(last=False)
            self._sent.discard(oldest)

    def forget(self, event_id: str) -> None:
        """It was taken back."""
        self._events.pop(event_id, None)
        self._sent.discard(event_id)

    def find(self, event_id: str) -> EncryptedEvent | None:
        """The event, if it is still here."""
        return self._events.get(event_id)

    def is_sent(self, event_id: str) -> bool:
        """Whether we sent it a moment ago, so that people are told of it already."""
        return event_id in self._sent
