"""bridge/demo/server.py: a server that comes up can be had again; one that doesn't says so in one line."""

import sys
from pathlib import Path

import pytest

from bridge.demo.process import ChildProcess
from bridge.demo.server import Server, ServerError
from tests.e2e.free_ports import free_ports

ANSWERS = """
import sys
from http.server import HTTPServer, SimpleHTTPRequestHandler
HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler).serve_forever()
"""
SAYS_NO = "print('the port is taken')"
SAYS_NOTHING = "import time; time.sleep(60)"


def _server(tmp_path: Path, program: str, *, ready_s: float = 20) -> Server:
    (port,) = free_ports(1)
    log = tmp_path / "log"
    command = (sys.executable, "-c", program, str(port))
    process = ChildProcess(command=command, directory=tmp_path, output=log)
    return Server(
        process, name="the server", ready_url=f"http://127.0.0.1:{port}/", ready_s=ready_s, log_path=log
    )


async def test_it_is_there_until_it_is_stopped(tmp_path: Path) -> None:
    """And may be started again; it is another process then."""
    server = _server(tmp_path, ANSWERS)
    await server.start()
    await server.wait_ready()
    first = server.pid
    await server.restart()
    assert server.is_running
    assert server.pid != first
    await server.kill()
    assert not server.is_running
    assert await server.wait_ended() == -9


async def test_what_ends_at_once_says_why(tmp_path: Path) -> None:
    """With its last words."""
    server = _server(tmp_path, SAYS_NO)
    await server.start()
    with pytest.raises(ServerError, match=r"^the server ended at its start: the port is taken$"):
        await server.wait_ready()


async def test_nobody_waits_for_ever(tmp_path: Path) -> None:
    """Who waits is told where to look."""
    server = _server(tmp_path, SAYS_NOTHING, ready_s=0.2)
    await server.start()
    with pytest.raises(ServerError, match=r"^the server did not answer in 0 s; see .*/log$"):
        await server.wait_ready()
    await server.stop()
