"""What the clinic decides about reminders."""

from datetime import time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from appointments.quiet_hours import QuietHours
from appointments.reminders import ReminderRules

Minutes = Annotated[int, Field(ge=1, le=20_160)]


class QuietHoursSettings(BaseModel):
    """When nobody is reminded, on each person's own clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: time = time(22)
    until: time = time(8)

    @model_validator(mode="after")
    def _are_some(self) -> Self:
        if self.since == self.until:
            raise ValueError("since and until are the same time; null: no quiet hours")
        return self


class ReminderSettings(BaseModel):
    """When people are reminded of their appointments, and professionals told of their day."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes_before: tuple[Minutes, ...] = (1440, 120, 10)
    by_visit_type: dict[str, tuple[Minutes, ...]] = Field(
        default={}, description="For kinds of visits with reminders of their own; none: []."
    )
    quiet_hours: QuietHoursSettings | None = QuietHoursSettings()
    digest_at: time | None = Field(
        default=time(7, 30), description="When professionals hear of their day, on their clock; null: never."
    )

    def rules(self) -> ReminderRules:
        """The same for appointments/reminders.py."""
        return ReminderRules(
            before=_spans(self.minutes_before),
            by_visit_type={name: _spans(minutes) for name, minutes in self.by_visit_type.items()},
        )

    def quiet_hours_in(self, zone: ZoneInfo) -> QuietHours | None:
        """The quiet hours of somebody in this zone."""
        if self.quiet_hours is None:
            return None
        return QuietHours(self.quiet_hours.since, self.quiet_hours.until, zone)


def _spans(minutes: tuple[int, ...]) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=one) for one in minutes)
