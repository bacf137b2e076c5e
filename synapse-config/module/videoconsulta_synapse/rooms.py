"""Which rooms are consult rooms, when only a room's id is at hand."""

from synapse.module_api import ModuleApi

from videoconsulta_synapse.rules import CONSULT

_CREATE = ("m.room.create", "")
_MOST = 100_000


class ConsultRooms:
    """Asks for a room's type once: it never changes."""

    def __init__(self, api: ModuleApi) -> None:
        self._api = api
        self._known: dict[str, bool] = {}

    async def contain(self, room_id: str) -> bool:
        """Whether it is a consult room; no, while this server doesn't know the room."""
        known = self._known.get(room_id)
        if known is not None:
            return known
        create = (await self._api.get_room_state(room_id, [_CREATE])).get(_CREATE)
        if create is None:
            return False
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[room_id] = create.content.get("type") == CONSULT
        return self._known[room_id]
