"""What goes wrong with requests to the homeserver in memory: hooks for its `before` and its `after`."""

from collections.abc import Callable

from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.matrix.fake import Call

UNREACHABLE = HomeserverUnreachableError("no answer")
TOO_MANY = MatrixError(status=429, errcode="M_LIMIT_EXCEEDED", message="slowly", retry_after_s=333.0)


def failing(error: BaseException, *methods: str, about: str = "") -> Callable[[Call], None]:
    """This error for every such request (that names this)."""

    def fail(call: Call) -> None:
        if call.method in methods and about in str(call.arguments):
            raise error

    return fail


def works(_call: Call) -> None:
    """Everything passes."""
