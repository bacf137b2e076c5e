"""What the encryption machine refuses, and how it tells of trouble."""

from bridge.matrix.errors import MatrixError
from bridge.retries import where


class NoDeviceError(Exception):
    """The user has no device that the bridge holds, or its keys are not all published yet."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"{user_id} has no published device here")


class SessionNotReadyError(Exception):
    """There is no outbound session that everybody entitled has; `prepare` must run (again)."""


class KeysRefusedError(Exception):
    """The homeserver did not take the signature of a user's device."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"the homeserver refused the signature of {user_id}'s device")


def in_log(error: Exception) -> str:
    """The error's kind, code and place, without anybody's words."""
    return f"{error.errcode}, {where(error)}" if isinstance(error, MatrixError) else where(error)
