"""Whether what we depend on works: what /health/ready asks."""

from bridge.clock import Now
from bridge.http.ports import Check
from bridge.matrix.client import MatrixClient
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.storage.database import Database
from bridge.storage.state import set_state

_KEY = "ready"


def database_works(database: Database, *, now: Now) -> Check:
    """One row can be written: a standby that was never promoted still answers every question.

    It proves nothing about a full disk: a row that is written again and again may find its room there already.
    """

    async def works() -> bool:
        async with database.write(synced=False) as connection:
            await set_state(connection, _KEY, now().isoformat())
        return True

    return works


def homeserver_answers(matrix: MatrixClient) -> Check:
    """It says which versions it speaks."""

    async def answers() -> bool:
        try:
            await matrix.versions()
        except (MatrixError, HomeserverUnreachableError):
            return False
        return True

    return answers
