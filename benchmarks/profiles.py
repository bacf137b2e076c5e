"""Our tuned homeserver beside one as Synapse itself would have it: raw sends of encrypted events."""

from pathlib import Path

import aiohttp

from benchmarks.raw_sender import CONNECTIONS, default_sender, race, raw_sender
from benchmarks.table import Row, at_least

_BAR = at_least(1.25)


async def measure(directory: Path, *, rounds: int, messages: int) -> Row:
    """The row."""
    async with aiohttp.ClientSession() as http:
        measured, peer, ratio = await race(
            raw_sender(directory / "tuned", http),
            default_sender(directory / "default", http),
            rounds=rounds,
            messages=messages,
        )
    return Row(
        name=f"tuned homeserver, raw sends, {CONNECTIONS} connections",
        measured=measured,
        peer=f"Synapse's default {peer}",
        ratio=ratio,
        bar=_BAR,
    )
