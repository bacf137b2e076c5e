"""Identifiers as people and programs may give them (Matrix specification, appendices, "Identifier Grammar")."""

import re

MAX_ID = 255
"""Characters of any identifier."""

# User ids: historical ones too. As JSON schemas say them, so with the ends of the line.
USER_ID = r"^@[!-9;-~]+:[A-Za-z0-9.:\[\]-]+$"
ROOM_ID = r"^![!-~]+$"
EVENT_ID = r"^\$[!-~]+$"

_COMPILED = {pattern: re.compile(pattern.removesuffix("$")) for pattern in (USER_ID, ROOM_ID, EVENT_ID)}


def is_well_formed(text: str, pattern: str) -> bool:
    """Whether this looks like an identifier of this kind: USER_ID, ROOM_ID or EVENT_ID."""
    return len(text) <= MAX_ID and _COMPILED[pattern].fullmatch(text) is not None
