"""bridge/retries.py: what is worth trying again, and what is said of it."""

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError

from bridge.matrix.errors import HomeserverUnreachableError, MatrixError
from bridge.retries import is_temporary, where


class DriverError(Exception):
    """As asyncpg's, which says what was wrong by its code."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("dolor de cabeza")
        self.sqlstate = sqlstate


def of_postgresql(sqlstate: str) -> DBAPIError:
    """What SQLAlchemy makes of it."""
    return DBAPIError("SELECT 1", None, DriverError(sqlstate))


@pytest.mark.parametrize(
    "sqlstate",
    ["08006", "25006", "40001", "40P01", "53100", "53300", "55P03", "57P01", "57P03", "58030"],
)
def test_a_database_in_trouble_is_no_fault_of_an_item(sqlstate: str) -> None:
    """Full, without connections, a standby, going down, coming up: it may work later."""
    assert is_temporary(of_postgresql(sqlstate))


@pytest.mark.parametrize("sqlstate", ["22021", "23505", "42P01", "XX000", ""])
def test_what_an_item_causes_stays_so(sqlstate: str) -> None:
    """A NUL in its text, say: trying again changes nothing, and what comes after it would wait for ever."""
    assert not is_temporary(of_postgresql(sqlstate))


def test_other_trouble() -> None:
    """SQLite's, the homeserver's and the network's may end; a refusal does not."""
    assert is_temporary(OperationalError("SELECT 1", None, Exception("database or disk is full")))
    assert is_temporary(HomeserverUnreachableError("no answer"))
    assert is_temporary(ConnectionResetError())
    assert not is_temporary(MatrixError(status=403, errcode="M_FORBIDDEN", message="no"))
    assert not is_temporary(ValueError())


def test_logs_name_the_code_and_no_words() -> None:
    """Of the driver's error, whatever it was wrapped in."""
    said = where(of_postgresql("53300"))
    assert said.startswith("DBAPIError (53300) at")
    assert "dolor" not in said
