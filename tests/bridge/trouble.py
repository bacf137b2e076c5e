"""What goes wrong with requests to a homeserver or a key server in memory: hooks for `before` and `after`."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.fake import Call

UNREACHABLE = HomeserverUnreachableError("no answer")
TOO_MANY = MatrixError(status=429, errcode="M_LIMIT_EXCEEDED", message="slowly", retry_after_s=333.0)


def failing(error: BaseException, *methods: str, about: str = "") -> Callable[[Call], None]:
    """The homeserver: this error for every such request (that names this), of all if none is named."""

    def fail(call: Call) -> None:
        if (not methods or call.method in methods) and about in str(call.arguments):
            raise error

    return fail


def failing_keys(error: BaseException, *methods: str) -> Callable[[str], None]:
    """The key server: this error for every such request, of all if none is named."""

    def fail(method: str) -> None:
        if not methods or method in methods:
            raise error

    return fail


def works(_call: Call | str) -> None:
    """Everything passes."""


@contextmanager
def hanging(server: Any, *methods: str, serves_first: bool = False) -> Generator[list[str]]:
    """The homeserver or the key server answers no such request until the end of the block: those that came.

    Nor does it do anything about them before, but what it `serves_first`.
    """
    asked: list[str] = []
    answers = asyncio.Event()

    def late(method: str, served: Callable[..., Any]) -> Callable[..., Any]:
        async def serve(**arguments: Any) -> Any:
            asked.append(method)
            if serves_first:
                answer = await served(**arguments)
                await answers.wait()
                return answer
            await answers.wait()
            return await served(**arguments)

        return serve

    for method in methods:
        setattr(server, method, late(method, getattr(server, method)))
    try:
        yield asked
    finally:
        for method in methods:
            delattr(server, method)
        answers.set()
