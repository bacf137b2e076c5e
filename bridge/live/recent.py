"""What was sent or pushed a moment ago, still encrypted: streams need not ask the homeserver for that again."""

from collections import OrderedDict

from bridge.e2ee.model import EncryptedEvent

_KEPT = 256


class RecentEvents:
    """The last encrypted events, by id."""

    def __init__(self) -> None:
        self._events: OrderedDict[str, EncryptedEvent] = OrderedDict()

    def keep(self, event: EncryptedEvent) -> None:
        """Keep it for a while."""
        self._events[event.event_id] = event
        if len(self._events) > _KEPT:
            self._events.popitem(last=False)

    def forget(self, event_id: str) -> None:
        """It was taken back."""
        self._events.pop(event_id, None)

    def find(self, event_id: str) -> EncryptedEvent | None:
        """The event, if it is still here."""
        return self._events.get(event_id)
