"""Who takes part now, whatever in: what others can join with what they know. All takes the parameter `now`."""

from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, and_, bindparam, or_, select, union

from appointments.storage.care import care_relationships, has_left
from appointments.storage.representation import representations
from appointments.storage.schema import Instant

NOW = bindparam("now", type_=Instant())


def is_active_care() -> ColumnElement[bool]:
    """Whether a row of `care_relationships` is active: in its period, its professional still there."""
    care = care_relationships.c
    return and_(care.starts_at <= NOW, or_(care.ends_at.is_(None), care.ends_at > NOW), ~has_left())


def represents_in_messages() -> ColumnElement[bool]:
    """Whether somebody acts for the patient of a row of `representations` in messages."""
    acts = representations.c
    return and_(acts.messages, acts.starts_at <= NOW, or_(acts.ends_at.is_(None), acts.ends_at > NOW))


def taking_part() -> CompoundSelect[Any]:
    """One column, `person`: patients and professionals in active care, and who represents patients in messages."""
    care, acts = care_relationships.c, representations.c
    return union(
        select(care.patient.label("person")).where(is_active_care()),
        select(care.professional.label("person")).where(is_active_care()),
        select(acts.representative.label("person")).where(represents_in_messages()),
    )
