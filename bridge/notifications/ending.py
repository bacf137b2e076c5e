"""What is under way when the process is to end gets little time more."""

import asyncio


def end_within(limit: asyncio.Timeout, seconds: float) -> None:
    """Have it end in so many seconds, unless it ends sooner or is ending already."""
    soon = asyncio.get_running_loop().time() + seconds
    until = limit.when()
    if not limit.expired() and (until is None or until > soon):
        limit.reschedule(soon)
