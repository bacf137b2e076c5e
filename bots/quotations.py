"""What an answer says without the message that it answers (Matrix specification up to 1.12, 11.23.1)."""

import re
from collections.abc import Mapping
from itertools import dropwhile
from typing import Any

_FALLBACK = re.compile(r"> (\* )?<@[^>\s]+:[^>\s]+>")


def without_quotation(content: Mapping[str, Any], body: str) -> str:
    """The body of this content without the quotation that older clients put before an answer.

    What the sender quoted herself stays, and so does what would leave nothing.
    """
    if not _is_answer(content) or _FALLBACK.match(body) is None:
        return body
    lines = body.replace("\r\n", "\n").split("\n")
    rest = list(dropwhile(lambda line: line == ">" or line.startswith("> "), lines))
    return "\n".join(rest[1:] if rest[:1] == [""] else rest) or body


def _is_answer(content: Mapping[str, Any]) -> bool:
    relation = content.get("m.relates_to")
    return isinstance(relation, dict) and isinstance(relation.get("m.in_reply_to"), dict)
