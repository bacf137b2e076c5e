"""Child processes: started, stopped, killed, and never left behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from bridge.demo.process import ChildProcess
from tests.until import until

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
PARENT = """
import asyncio, sys
from pathlib import Path
from bridge.demo.process import ChildProcess

async def main():
    directory = Path(sys.argv[1])
    child = ChildProcess(command=("/bin/sleep", "60"), directory=directory, output=directory / "out")
    await child.start()
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""


def _child(tmp_path: Path, *command: str) -> ChildProcess:
    return ChildProcess(command=command, directory=tmp_path, output=tmp_path / "out")


async def test_stopping_is_clean_and_may_be_repeated(tmp_path: Path) -> None:
    """SIGTERM ends the program; stopping what does not run does nothing."""
    child = _child(tmp_path, "/bin/sleep", "60")
    await child.stop()
    await child.start()
    assert child.is_running
    await child.stop()
    assert not child.is_running
    assert await child.wait() == -signal.SIGTERM
    await child.stop()


async def test_what_ignores_the_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever for a program that hangs."""
    monkeypatch.setattr("bridge.demo.process._GRACE_S", 0.2)
    child = _child(tmp_path, sys.executable, "-c", STUBBORN)
    await child.start()
    await until(lambda: child.last_line() == "up")
    async with asyncio.timeout(10):
        await child.stop()
        assert await child.wait() == -signal.SIGKILL


async def test_the_last_words_are_kept(tmp_path: Path) -> None:
    """What a program said before it ended can be shown in one line, without its decoration."""
    child = _child(tmp_path, sys.executable, "-c", "print('why it failed'); print('****'); print()")
    await child.start()
    assert await child.wait() == 0
    assert child.last_line() == "why it failed"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
async def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    """Not even kill -9 of the demo leaves a homeserver behind."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    child = psutil.Process(pid)
    await until(lambda: child.name() == "sleep")  # which it becomes once it is tied to its parent
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await asyncio.to_thread(psutil.wait_procs, [child], timeout=10)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
