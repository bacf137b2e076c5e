"""For which care the conversations are."""

from datetime import UTC, datetime

from appointments.care import CareRelationship
from tests.bridge.clinic import GARCIA, JUAN, LUCIA

CARE = CareRelationship(LUCIA, GARCIA, "gp", datetime(2026, 1, 1, tzinfo=UTC), None)
OTHER_CARE = CareRelationship(JUAN, GARCIA, "gp", datetime(2026, 1, 1, tzinfo=UTC), None)
