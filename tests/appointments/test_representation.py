"""appointments/representation.py: when and in what a representation holds."""

from datetime import UTC, datetime, timedelta

import pytest

from appointments.errors import EmptyCarePeriodError, NoScopeError, SelfRepresentationError
from appointments.representation import Representation, check_representation

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def acts(**changed: object) -> Representation:
    """The mother acts for María in messages from now on."""
    given = {"patient": "@maria:p", "representative": "@madre:p", "scopes": frozenset({"messages"})}
    return Representation(**{**given, "starts": NOW, "ends": NOW + DAY, **changed})


def test_the_period_is_half_open() -> None:
    """It holds from the very start until just before the end."""
    instants = (NOW - timedelta(microseconds=1), NOW, NOW + DAY - timedelta(microseconds=1), NOW + DAY)
    assert [acts().is_active(at) for at in instants] == [False, True, True, False]
    assert acts(ends=None).is_active(NOW + 10_000 * DAY)


def test_scopes_are_exact() -> None:
    """One matter is not another."""
    assert acts().covers("messages", NOW)
    assert not acts().covers("video", NOW)
    assert not acts().covers("messages", NOW + DAY)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"representative": "@maria:p"}, SelfRepresentationError),
        ({"ends": NOW}, EmptyCarePeriodError),
        ({"scopes": frozenset()}, NoScopeError),
        ({"starts": datetime(2026, 1, 1)}, ValueError),  # noqa: DTZ001
    ],
)
def test_nonsense_is_refused(changed: dict[str, object], error: type[Exception]) -> None:
    """Each with its own error."""
    with pytest.raises(error):
        check_representation(acts(**changed))
    check_representation(acts())
