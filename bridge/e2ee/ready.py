"""The sessions that this process has prepared, in memory, so that preparing again costs nothing.

Only a hint: the database decides, when something is encrypted, whether the session still serves. What is
encrypted must be for the people that were prepared for, so a session that another process began is refused.
"""

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from datetime import datetime

from bridge.e2ee.sessions import OutboundSession


@dataclass(frozen=True)
class _Ready:
    session_id: str
    members: frozenset[str]
    expires_at: datetime


class ReadySessions:
    """(user, room) → the session that was prepared."""

    def __init__(self) -> None:
        self._ready: dict[Hashable, _Ready] = {}

    def put(self, session: OutboundSession, members: frozenset[str]) -> None:
        """This session is ready for these members."""
        ready = _Ready(session.session_id, members, session.expires_at)
        self._ready[session.user_id, session.room_id] = ready

    def session_for(self, user_id: str, room_id: str, members: frozenset[str], now: datetime) -> str | None:
        """The session that was prepared for just these members, if it is not too old."""
        ready = self._ready.get((user_id, room_id))
        if ready is None or ready.members != members or now >= ready.expires_at:
            return None
        return ready.session_id

    def drop(self, user_id: str, room_id: str) -> None:
        """It has to be prepared again."""
        self._ready.pop((user_id, room_id), None)

    def drop_members(self, users: Collection[str]) -> None:
        """Whatever these users are recipients of has to be prepared again."""
        gone = frozenset(users)
        self._ready = {key: ready for key, ready in self._ready.items() if not ready.members & gone}

    def drop_expired(self, now: datetime) -> None:
        """Forget the sessions whose time is over."""
        self._ready = {key: ready for key, ready in self._ready.items() if now < ready.expires_at}
