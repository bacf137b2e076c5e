"""bridge/http/refusals.py: what a refusal says beyond its kind."""

import pytest
from sqlalchemy.exc import DBAPIError

from bots.i18n import LANGUAGES
from bridge.attachments.errors import TooLargeError
from bridge.http.problems import Problem, render
from bridge.http.refusals import as_problem


@pytest.mark.parametrize(
    ("limit", "said"),
    [(52_428_800, "50 MB"), (2_621_440, "2 MB"), (1_048_575, "1023 KB"), (1024, "1 KB")],
)
def test_too_large_says_how_much_there_may_be(limit: int, said: str) -> None:
    """In both languages; never more than it is."""
    for language in LANGUAGES:
        assert said in render(as_problem(TooLargeError(limit)), language)["detail"]


def test_where_nobody_knows_the_limit_none_is_said() -> None:
    """The homeserver's is lower than ours, and it doesn't say it."""
    for language in LANGUAGES:
        document = render(as_problem(TooLargeError()), language)
        assert document["status"] == 413
        assert "{" not in document["detail"]


class DriverError(Exception):
    """As asyncpg's."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "problem"),
    [("53300", Problem.UNAVAILABLE), ("25006", Problem.UNAVAILABLE), ("23505", Problem.INTERNAL)],
)
def test_a_database_in_trouble_may_be_asked_again(sqlstate: str, problem: Problem) -> None:
    """Out of connections, say: 503 with Retry-After. What is wrong with us is not the caller's to repeat."""
    refused = as_problem(DBAPIError("SELECT 1", None, DriverError(sqlstate)))
    assert refused.problem == problem
    assert ("Retry-After" in refused.headers) == (problem == Problem.UNAVAILABLE)
