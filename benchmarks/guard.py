"""Our Synapse module beside none: raw sends of encrypted events into consult rooms, on eight connections."""

from pathlib import Path
from statistics import median

import aiohttp

from benchmarks.raw_sender import CONNECTIONS, race, raw_sender
from benchmarks.rounds import times_faster
from benchmarks.table import Row, at_least

_BAR = at_least(0.95)


async def measure(directory: Path, *, rounds: int, messages: int) -> Row:
    """The row."""
    async with aiohttp.ClientSession() as http:
        senders = {
            name: raw_sender(directory / name, http, guarded=name == "guarded")
            for name in ("guarded", "bare")
        }
        seconds = await race(senders, rounds=rounds, messages=messages)
    rate = {name: messages / median(took) for name, took in seconds.items()}
    return Row(
        name=f"Synapse with our module, raw sends, {CONNECTIONS} connections",
        measured=f"{rate['guarded']:.1f}/s",
        peer=f"without it {rate['bare']:.1f}/s",
        ratio=times_faster(seconds["guarded"], seconds["bare"]),
        bar=_BAR,
    )
