"""How the command line says what went wrong, and what can be done about it."""

from appointments.errors import EmptyCarePeriodError, SamePersonError, SelfRepresentationError
from appointments.sealing import SealBrokenError
from bridge.errors import (
    ApiKeyNotFoundError,
    DatabaseUnusableError,
    NotAPersonError,
    PersonNotFoundError,
    ServerNotAllowedError,
)
from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.settings import SettingsError

_WORDS: dict[type[Exception], str] = {
    PersonNotFoundError: "nobody is known by this user id; `videoconsulta user list` shows who is",
    ApiKeyNotFoundError: "there is no such API key; `videoconsulta apikey list` shows them",
    SamePersonError: "nobody can be in their own care: name two different people",
    SelfRepresentationError: "nobody can be their own representative: name two different people",
    NotAPersonError: "that is one of our bots: name a person",
    EmptyCarePeriodError: "--until has to be after --from",
    SealBrokenError: "the settings' secret is not the one that this database was written with",
}


def say_error(error: Exception) -> list[str]:
    """The lines for this error: one, or one for each wrong setting."""
    match error:
        case SettingsError(problems=problems):
            return list(problems)
        case DatabaseUnusableError() | MatrixError():
            who = "the homeserver refused" if isinstance(error, MatrixError) else "database"
            return [f"{who}: {error}"]
        case HomeserverUnreachableError():
            return ["the homeserver does not answer; is it running, and is homeserver.url right?"]
        case ServerNotAllowedError(server=server):
            return [f"{server} may not take part: add it to homeserver.allowed_servers in the settings"]
        case OSError(filename=str() as name, strerror=str() as reason):
            return [f"{name}: {reason}"]
        case _:
            words = _WORDS.get(type(error)) or " ".join(str(error).split())
            return [words or type(error).__name__]
