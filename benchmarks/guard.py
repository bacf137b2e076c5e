"""Our Synapse module beside none: raw sends of encrypted events into consult rooms, on eight connections."""

from pathlib import Path

import aiohttp

from benchmarks.raw_sender import CONNECTIONS, race, raw_sender
from benchmarks.table import Row, at_least

_BAR = at_least(0.95)


async def measure(directory: Path, *, rounds: int, messages: int) -> Row:
    """The row."""
    async with aiohttp.ClientSession() as http:
        measured, peer, ratio = await race(
            raw_sender(directory / "guarded", http, guarded=True),
            raw_sender(directory / "bare", http),
            rounds=rounds,
            messages=messages,
        )
    return Row(
        name=f"Synapse with our module, raw sends, {CONNECTIONS} connections",
        measured=measured,
        peer=f"without it {peer}",
        ratio=ratio,
        bar=_BAR,
    )
