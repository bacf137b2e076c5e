"""Logging to standard error, as text or JSON lines, with the id of the request that is being answered.

No words or names of people, no tokens: callers pass ids and states only, and an exception is shown by its
type, the code that a database or the system gave it (`SQLITE_FULL`, `53100`, `ENOSPC`) and its place in the code,
never by its message, which may quote what a person wrote.
"""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from bridge.retries import code_of
from bridge.settings import LogSettings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the HTTP request that the current task answers."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _QuietFormatter(logging.Formatter):
    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the name is logging's
        """Types and places only, from the first cause to the last exception."""
        lines: list[str] = []
        error = ei[1]
        while error is not None:
            frames = traceback.extract_tb(error.__traceback__)
            places = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
            kind = f"{type(error).__module__}.{type(error).__qualname__}{code_of(error)}"
            lines.append(f"{kind} at {places or 'no frame'}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n  caused by ".join(lines)


class TextFormatter(_QuietFormatter):
    """`2026-11-23T10:00:00.000Z WARNING bridge.http [request id] message`."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line, and indented ones for an exception."""
        current = request_id.get()
        mark = f" [{current}]" if current else ""
        line = f"{_time(record)} {record.levelname} {record.name}{mark} {record.getMessage()}"
        return f"{line}\n  {self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(_QuietFormatter):
    """One JSON object a line: time, level, logger, message, request_id?, exception?."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        entry = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        current = request_id.get()
        if current:
            entry["request_id"] = current
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, tz=UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def configure(settings: LogSettings, *, stream: TextIO) -> None:
    """Send every log record of the process to `stream`, as the settings say."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level)
    # These say what they are sent: requests with their queries, statements with their parameters.
    for name in ("aiohttp.access", "sqlalchemy.engine", "apscheduler", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(settings.level)))
