"""The address of a database, as the settings give it."""

from pydantic_core import PydanticCustomError
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

# Of what asyncpg (or SQLAlchemy for it) can be told, what it takes as text. Anything else it meets with a TypeError.
_OPTIONS = frozenset(
    {
        *("host", "port", "user", "password", "database", "passfile", "service", "servicefile"),
        *("ssl", "direct_tls", "target_session_attrs", "krbsrvname", "gsslib"),
        *("command_timeout", "prepared_statement_cache_size"),
    }
)


def check_database_url(value: str) -> str:
    """The address as it came. Raises PydanticCustomError, whose words hold nothing of it: it has a password."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        url = None
    if url is None or not (url.drivername == "postgresql" or _is_file(url)):
        raise PydanticCustomError(
            "database", "has to be like sqlite:///FILE or postgresql://user:password@host:5432/database"
        )
    if "sslmode" in url.query:
        raise PydanticCustomError(
            "database-sslmode", "has to say ssl, not sslmode: ?ssl=require, or ?ssl=verify-full"
        )
    if not _OPTIONS.issuperset(url.query):
        raise PydanticCustomError(
            "database-option",
            "has an option that is none: there are {options}",
            {"options": ", ".join(sorted(_OPTIONS))},
        )
    return value


def _is_file(url: URL) -> bool:
    # Without a file SQLite would keep everything in memory; options could say so too.
    has_server = url.host is not None or url.username is not None
    is_named = url.database not in (None, "", ":memory:")
    return url.drivername == "sqlite" and is_named and not has_server and not url.query
