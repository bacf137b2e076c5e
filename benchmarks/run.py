"""What Videoconsulta costs, beside what it is made of: `make bench` (ARGS="--quick" for a glance).

Everything is measured on this machine in one run, and compared with a peer in alternating rounds, so the ratios
mean something elsewhere too. Ends with 0 whatever the numbers are; `--check` ends with 1 when a bar is missed.
"""

import argparse
import asyncio
import platform
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import (
    attachments,
    booking,
    clinic,
    devices,
    events,
    guard,
    history,
    mautrix_peer,
    memory,
    profiles,
    reminders,
    sends,
)
from benchmarks.table import Row, show

PARTS = (
    *("sends", "history", "attachments", "devices", "memory"),
    *("profiles", "guard", "events", "reminders", "booking"),
)


@dataclass(frozen=True)
class Size:
    """How much of everything; rounds are what medians are taken over."""

    rounds: int
    messages: int
    history_rooms: int
    history_rounds: int
    attachment_rounds: int
    devices: int
    loaded: int
    profile_rounds: int
    profile_messages: int
    event_messages: int
    event_streams: int
    reminders: int
    reminder_rounds: int
    booking_professionals: int


FULL = Size(
    rounds=12,
    messages=40,
    history_rooms=5,
    history_rounds=40,
    attachment_rounds=20,
    devices=103,
    loaded=1000,
    profile_rounds=8,
    profile_messages=600,
    event_messages=60,
    event_streams=1000,
    reminders=10_000,
    reminder_rounds=5,
    booking_professionals=1000,
)
QUICK = Size(
    rounds=3,
    messages=15,
    history_rooms=3,
    history_rounds=6,
    attachment_rounds=6,
    devices=23,
    loaded=200,
    profile_rounds=3,
    profile_messages=60,
    event_messages=20,
    event_streams=200,
    reminders=2_000,
    reminder_rounds=3,
    booking_professionals=100,
)


@dataclass(frozen=True)
class Plan:
    """What the command line asks for."""

    parts: frozenset[str]
    size: Size
    with_peer: bool
    federated: bool


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all unless named")
    parser.add_argument("--quick", action="store_true", help="small sizes: a glance, not a finding")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--no-peer", action="store_true", help="leave mautrix-python out")
    parser.add_argument(
        "--local", action="store_true", help="with the professional at the portal: nothing is federated"
    )
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    plan = Plan(
        parts=frozenset(options.parts or PARTS),
        size=QUICK if options.quick else FULL,
        with_peer=not options.no_peer,
        federated=not options.local,
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        rows = asyncio.run(_measure(Path(directory), plan))
    print(f"\n{show(rows)}")
    missed = [row.name.strip() for row in rows if not row.holds]
    if missed:
        print(f"\nmissed: {'; '.join(missed)}")
    sys.exit(bool(missed and options.check))


async def _measure(directory: Path, plan: Plan) -> list[Row]:
    size = plan.size
    rows: list[Row] = []
    if plan.parts & {"sends", "history", "attachments", "devices", "events"}:
        rows += await _measure_clinic(directory, plan)
    if "memory" in plan.parts:
        _say(f"memory: loading {size.loaded} devices")
        rows.append(await asyncio.to_thread(memory.measure, devices=size.loaded))
    if "reminders" in plan.parts:
        _say(f"reminders: claiming {size.reminders:,} that are due, and a tenth of them")
        rows += await reminders.measure(directory, due=size.reminders, rounds=size.reminder_rounds)
    if "booking" in plan.parts:
        _say(f"booking: filling the diaries of {size.booking_professionals:,} professionals, four times")
        rows += await booking.measure(directory, professionals=size.booking_professionals)
    if "profiles" in plan.parts:
        _say("profiles: starting a tuned homeserver and a default one")
        rows.append(
            await profiles.measure(
                directory / "profiles", rounds=size.profile_rounds, messages=size.profile_messages
            )
        )
    if "guard" in plan.parts:
        _say("guard: starting a homeserver with our module and one without")
        rows.append(
            await guard.measure(
                directory / "guard", rounds=size.profile_rounds, messages=size.profile_messages
            )
        )
    return rows


async def _measure_clinic(directory: Path, plan: Plan) -> list[Row]:
    size = plan.size
    rows: list[Row] = []
    # Times are this interpreter's: one that was built without profile-guided optimisation takes half as long again.
    _say(f"Python {platform.python_version()} of {sys.base_prefix}")
    _say("starting two homeservers and the application service")
    async with (
        clinic.opened(directory / "clinic", federated=plan.federated) as place,
        _peer(place, directory, wanted=plan.with_peer) as peer,
    ):
        rooms = await place.consults("rest", sends.CONNECTIONS)
        if "sends" in plan.parts:
            _say("sends: REST, raw and mautrix-python in turn")
            rows += await sends.measure(
                place, rest=rooms, peer=peer, rounds=size.rounds, messages=size.messages
            )
        if "history" in plan.parts:
            _say("history: 100 messages in each of some rooms")
            rows += await history.measure(
                place, rooms=rooms[: size.history_rooms], rounds=size.history_rounds
            )
        if "events" in plan.parts:
            _say(f"events: one message after the other, then {size.event_streams} open streams")
            rows += await events.measure(
                place, rooms=rooms, messages=size.event_messages, streams=size.event_streams
            )
        if "attachments" in plan.parts:
            _say("attachments: 20 MiB up and down, through us and without")
            rows += await attachments.measure(place, room=rooms[0], rounds=size.attachment_rounds)
        if "devices" in plan.parts:
            _say(f"devices: making {size.devices}")
            rows += await devices.measure(place, peer=peer, devices=size.devices)
    return rows


@asynccontextmanager
async def _peer(
    place: clinic.Clinic, directory: Path, *, wanted: bool
) -> AsyncGenerator[mautrix_peer.Peer | None]:
    """The peer with its rooms; None, after a line that says why, when there can be none."""
    if not wanted:
        yield None
        return
    try:
        await mautrix_peer.install()
    except mautrix_peer.PeerError as error:
        _say(f"mautrix-python is left out: {error}")
        yield None
        return
    async with mautrix_peer.running(place, directory, body=sends.BODY) as peer:
        await peer.rooms(place, await place.consults("mautrix", sends.CONNECTIONS, device=False))
        yield peer


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    main()
