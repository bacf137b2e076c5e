"""Typed refusals of the bridge's services: no HTTP, no prose for people."""

from typing import Literal

BadCredentials = Literal["invalid", "expired", "revoked", "no-session", "openid", "access-token"]
"""`no-session`: a good API key, where only a session makes sense; `openid`: the homeserver does not know it;
`access-token`: one of an identity provider that says nothing we believe."""

Limited = Literal["requests", "streams"]
"""What there may be so many of: requests in a time, event streams at once."""


Who = Literal["patient", "professional", "representative"]
"""What somebody would be who is refused."""


class DatabaseUnusableError(Exception):
    """There is no database where the settings say, or none that we can use; the message says why."""


class ServiceError(Exception):
    """A service of the bridge refuses."""


class ProviderUnavailableError(ServiceError):
    """The identity provider's keys can't be fetched; the same request may succeed later."""


class ConversationNotFoundError(ServiceError):
    """No such conversation, or one that the caller is no member of."""


class MessageNotFoundError(ServiceError):
    """No such message in this conversation."""


class BadCursorError(ServiceError):
    """The cursor of a page is none that we gave out."""


class HomeserverUnavailableError(ServiceError):
    """The portal's homeserver does not answer, or asks for patience; the same request may succeed later."""

    def __init__(self, message: str = "", *, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PersonNotFoundError(ServiceError):
    """No such person is known to us."""


class NotManagedError(ServiceError):
    """The bridge does not hold this person's account, so it can't act for them."""


class ApiKeyNotFoundError(ServiceError):
    """No such API key."""


class MessageRefusedError(ServiceError):
    """The homeserver refuses this message for good, for instance because the sender was removed."""


class IdentityChangedError(ServiceError):
    """The other person's E2EE identity is not the one we first saw: nothing is sent until somebody has checked."""


class BadCredentialsError(ServiceError):
    """The token opens nothing; `reason` says why."""

    def __init__(self, reason: BadCredentials) -> None:
        super().__init__(reason)
        self.reason: BadCredentials = reason


class ServerNotAllowedError(ServiceError):
    """One of the people lives on a homeserver whose people may not take part; `who` says which."""

    def __init__(self, who: Who, *, server: str) -> None:
        super().__init__(f"{who} on {server}")
        self.who: Who = who
        self.server = server


class NotAPersonError(ServiceError):
    """One of the people is a bot of ours; `who` says which."""

    def __init__(self, who: Who) -> None:
        super().__init__(who)
        self.who: Who = who


class TooManyAttemptsError(ServiceError):
    """Too many from one place, and `of` says what; another is welcome after `retry_after_s` seconds."""

    def __init__(self, *, retry_after_s: float, of: Limited = "requests") -> None:
        super().__init__()
        self.retry_after_s = retry_after_s
        self.of: Limited = of


class KeyReusedError(ServiceError):
    """This Idempotency-Key came before, with another request."""


class StillRunningError(ServiceError):
    """The first request with this Idempotency-Key is still being worked on."""
