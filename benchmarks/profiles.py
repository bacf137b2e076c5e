"""Our tuned homeserver beside one with Synapse's defaults: raw sends of encrypted events on eight connections."""

from pathlib import Path
from statistics import median
from typing import get_args

import aiohttp

from benchmarks.raw_sender import CONNECTIONS, race, raw_sender
from benchmarks.rounds import times_faster
from benchmarks.table import Row, at_least
from bridge.demo.templates import Profile

_BAR = at_least(1.25)


async def measure(directory: Path, *, rounds: int, messages: int) -> Row:
    """The row."""
    async with aiohttp.ClientSession() as http:
        senders = {
            profile: raw_sender(directory / profile, http, profile=profile) for profile in get_args(Profile)
        }
        seconds = await race(senders, rounds=rounds, messages=messages)
    rate = {name: messages / median(took) for name, took in seconds.items()}
    return Row(
        name=f"tuned homeserver, raw sends, {CONNECTIONS} connections",
        measured=f"{rate['tuned']:.1f}/s",
        peer=f"Synapse's default {rate['default']:.1f}/s",
        ratio=times_faster(seconds["tuned"], seconds["default"]),
        bar=_BAR,
    )
