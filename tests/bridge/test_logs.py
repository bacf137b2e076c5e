"""bridge/logs.py: one line a record, and no words of people through exceptions."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from errno import ENOENT

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from bridge.logs import configure, request_id
from bridge.settings import LogSettings
from bridge.storage.database import Database
from bridge.storage.state import bridge_state


@pytest.fixture
def restored() -> Iterator[None]:
    """The root logger as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def fail() -> None:
    """An exception with a cause, both of which quote a patient."""
    try:
        int("dolor de cabeza")
    except ValueError as error:
        raise RuntimeError("dolor de espalda") from error


def logged(form: str) -> str:
    """What a warning with an exception looks like."""
    stream = io.StringIO()
    configure(LogSettings(format=form), stream=stream)
    token = request_id.set("abc")
    try:
        fail()
    except RuntimeError:
        logging.getLogger("bridge.test").warning("it failed", exc_info=True)
    finally:
        request_id.reset(token)
    return stream.getvalue()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_shown_without_its_message(form: str) -> None:
    """Types and places are there, with the cause; what was quoted is not."""
    text = logged(form)
    assert "dolor" not in text
    for part in ("RuntimeError", "ValueError", "test_logs.py", "it failed", "abc", "WARNING"):
        assert part in text


class WordyError(Exception):
    """What has a code that is no code."""

    sqlstate = "dolor de cabeza"


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (FileNotFoundError(ENOENT, "no such file: dolor.txt"), "FileNotFoundError (ENOENT) at"),
        (ConnectionRefusedError("dolor"), "ConnectionRefusedError at"),
        (WordyError("dolor"), "WordyError at"),
    ],
)
def test_a_code_says_what_was_wrong(error: Exception, shown: str) -> None:
    """Codes of databases and of the system, which an operator needs; nothing that only looks like one."""
    stream = io.StringIO()
    configure(LogSettings(), stream=stream)
    try:
        raise error
    except type(error):
        logging.getLogger("bridge.test").warning("it failed", exc_info=True)
    assert shown in stream.getvalue()
    assert "dolor" not in stream.getvalue()


@pytest.mark.usefixtures("restored")
async def test_a_code_of_the_database(database: Database) -> None:
    """What neither database lets happen twice, with its own name for that."""
    stream = io.StringIO()
    configure(LogSettings(), stream=stream)
    with suppress(IntegrityError):
        await write_twice(database)
    code = "SQLITE_CONSTRAINT_PRIMARYKEY" if database.is_sqlite else "23505"
    assert f"({code}) at" in stream.getvalue()
    assert "dolor" not in stream.getvalue()


async def write_twice(database: Database) -> None:
    """Insert a row that is there, and log that."""
    try:
        async with database.write() as connection:
            for _ in range(2):
                await connection.execute(insert(bridge_state), {"key": "dolor", "value": "dolor"})
    except IntegrityError:
        logging.getLogger("bridge.test").warning("it failed", exc_info=True)
        raise


@pytest.mark.usefixtures("restored")
def test_json_is_one_object_a_line() -> None:
    """Machines read it line by line."""
    (line,) = logged("json").splitlines()
    entry = json.loads(line)
    assert entry["request_id"] == "abc"
    assert entry["time"].endswith("Z")


@pytest.mark.usefixtures("restored")
def test_the_level_is_kept() -> None:
    """What is below the level is left out, and libraries that quote requests are quiet."""
    stream = io.StringIO()
    configure(LogSettings(level="DEBUG"), stream=stream)
    logging.getLogger("aiohttp.access").info("GET /?before=dolor")
    logging.getLogger("bridge").debug("seen")
    assert "dolor" not in stream.getvalue()
    assert "seen" in stream.getvalue()
