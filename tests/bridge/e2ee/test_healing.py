"""What fails is tried again, and holds up nothing else."""

from typing import Any

import pytest

from bridge.matrix.errors import MatrixError
from tests.bridge.e2ee.client import Client
from tests.bridge.e2ee.events import JUAN, LUCIA
from tests.bridge.e2ee.world import World

_ROOMS = {LUCIA: "!lucia", JUAN: "!juan"}
_WORDS = "Diga treinta y tres"


def _refuse(world: World, broken: str, method: str, *, status: int = 400) -> None:
    """From now on the homeserver refuses this user of ours."""
    inner = getattr(world.server, method)

    async def refusing(*, user_id: str, **arguments: Any) -> Any:
        if user_id == broken:
            raise MatrixError(status=status, errcode="M_UNKNOWN_DEVICE", message=_WORDS)
        return await inner(user_id=user_id, **arguments)

    setattr(world.server, method, refusing)


def _mend(world: World, method: str) -> None:
    delattr(world.server, method)


async def _said_to(world: World, garcia: Client) -> dict[str, Any]:
    """What two patients said to the doctor before her new device."""
    await world.encryption.provision(JUAN)
    said = {}
    for sender, room_id in _ROOMS.items():
        await world.prepare(garcia.user_id, sender=sender, room_id=room_id)
        said[sender] = await world.say("hola", sender=sender, room_id=room_id)
    return said


async def _new_device(garcia: Client) -> Client:
    second = garcia.another("SECOND")
    await second.log_in()
    return second


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("method", ["send_to_device", "keys_claim"])
@pytest.mark.parametrize("broken", [LUCIA, JUAN])
async def test_one_failing_session_holds_up_no_other(
    world: World, garcia: Client, broken: str, method: str, status: int
):
    """A new device gets the sessions of everybody for whom the homeserver works; the others' once it does."""
    said = await _said_to(world, garcia)
    second = await _new_device(garcia)
    _refuse(world, broken, method, status=status)
    await world.encryption.device_lists_changed([garcia.user_id], [])
    await second.sync()
    (works,) = {LUCIA, JUAN} - {broken}
    assert second.read(said[works]) == "hola"
    assert said[broken].content["session_id"] not in second.rooms
    await world.encryption.share_history(_ROOMS[broken], garcia.user_id)
    await world.encryption.heal()
    _mend(world, method)
    await world.encryption.heal()
    await second.sync()
    assert second.read(said[broken]) == "hola"


@pytest.mark.parametrize("broken", [LUCIA, JUAN])
async def test_healing_reaches_everybody_behind_a_failing_session(world: World, garcia: Client, broken: str):
    """One attempt of heal shares with everybody for whom that is possible."""
    said = await _said_to(world, garcia)
    world.server.unreachable.add("hospital")
    second = await _new_device(garcia)
    await world.encryption.device_lists_changed([garcia.user_id], [])
    world.server.unreachable.clear()
    _refuse(world, broken, "send_to_device")
    await world.encryption.heal()
    await second.sync()
    (works,) = {LUCIA, JUAN} - {broken}
    assert second.read(said[works]) == "hola"


async def test_the_logs_have_the_errors_kind_and_not_its_words(
    world: World, garcia: Client, caplog: pytest.LogCaptureFixture
):
    """What a homeserver writes into an error may quote a person."""
    await _said_to(world, garcia)
    await _new_device(garcia)
    for method in ("send_to_device", "register", "keys_query"):
        _refuse(world, LUCIA, method)
        _refuse(world, JUAN, method)
    _refuse(world, "@portal_ana:portal", "register")
    with pytest.raises(MatrixError):
        await world.encryption.provision("@portal_ana:portal")
    with pytest.raises(MatrixError):
        await world.encryption.device_lists_changed([garcia.user_id], [])
    await world.encryption.heal()
    _mend(world, "keys_query")
    await world.encryption.heal()
    for what in ("provisioning @portal_ana:portal", "asking for devices", "sharing a session of"):
        assert any(what in line and "M_UNKNOWN_DEVICE" in line for line in caplog.messages)
    assert _WORDS not in caplog.text


async def test_a_beat_runs_the_statements_of_the_last_one(world: World, monkeypatch: pytest.MonkeyPatch):
    """What is asked every ten seconds was built once, so that it runs prepared (ADR 3)."""
    async with world.database.read() as connection:
        kind = type(connection)
    executed: list[Any] = []
    execute = kind.execute

    async def watched(self: Any, statement: Any, *arguments: Any, **options: Any) -> Any:
        executed.append(statement)
        return await execute(self, statement, *arguments, **options)

    monkeypatch.setattr(kind, "execute", watched)
    await world.encryption.heal()
    first = list(executed)
    await world.encryption.heal()
    assert first
    assert all(again is once for once, again in zip(first, executed[len(first) :], strict=True))
