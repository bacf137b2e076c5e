"""bridge/notices/settings.py: what an operator can't have meant is refused."""

from datetime import time

import pytest
from pydantic import ValidationError

from bridge.notices.settings import QuietHoursSettings, ReminderSettings


def test_quiet_hours_that_begin_when_they_end_are_refused() -> None:
    """They would be none, or all; who wants none says null."""
    with pytest.raises(ValidationError, match="null: no quiet hours"):
        QuietHoursSettings(since=time(8), until=time(8))
    assert ReminderSettings(quiet_hours=None).quiet_hours is None
