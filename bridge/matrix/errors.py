"""What a homeserver can answer instead of what was asked for."""


class MatrixError(Exception):
    """The homeserver refused: a standard error response (Matrix client-server API, section 2.3)."""

    def __init__(
        self, *, status: int, errcode: str, message: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{status} {errcode}: {message}")
        self.status = status
        self.errcode = errcode
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later (rate limit or server trouble)."""
        return self.status == 429 or self.status >= 500  # noqa: PLR2004


class HomeserverUnreachableError(Exception):
    """No answer came: the homeserver is down, or the connection broke before it answered."""
