"""Why a file is refused."""

from bridge.errors import ServiceError


class AttachmentNotFoundError(ServiceError):
    """No such attachment, or one of a conversation that the caller is no member of."""


class AttachmentUnusableError(ServiceError):
    """The attachment number `index` of a message can't go with it: `unknown` (foreign too), or `sent` before."""

    def __init__(self, index: int, *, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


class TooLargeError(ServiceError):
    """The file has more bytes than the settings allow, or (`limit` None) than the homeserver takes."""

    def __init__(self, limit: int | None = None) -> None:
        super().__init__(str(limit))
        self.limit = limit


class TooLargeToScanError(ServiceError):
    """The virus scanner did not look at all of the file, by its bytes or its content: nothing is taken unseen."""


class EmptyFileError(ServiceError):
    """The file has no bytes."""


class TypeNotAllowedError(ServiceError):
    """Not one of the types that may be sent."""


class TypeMismatchError(ServiceError):
    """The name or the declared type says something else than the bytes do."""


class InfectedError(ServiceError):
    """The virus scanner found something."""


class ScannerUnavailableError(ServiceError):
    """The virus scanner doesn't answer as it should: nothing is taken without it."""


class AttachmentBrokenError(ServiceError):
    """What the homeserver has is not what the sender encrypted."""
