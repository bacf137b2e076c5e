"""`videoconsulta demo`: the whole platform on this machine, from nothing, with one command."""

import asyncio
import importlib.util
import signal
from pathlib import Path

import click

from bridge.clock import utc_now
from bridge.demo.errors import DemoError
from bridge.demo.ports import Ports
from bridge.demo.progress import Progress
from bridge.demo.supervise import run_platform
from bridge.demo.templates import template_directory
from bridge.settings import SettingsError

_LAST_BASE = 65_531


@click.command("demo")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data"),
    show_default=True,
    help="Where everything is kept, from start to start.",
)
@click.option(
    "--base-port",
    type=click.IntRange(1024, _LAST_BASE),
    help="Portal client N, portal federation N+1, hospital client N+2, hospital federation N+3, API N+4; "
    "without it 8008, 8448, 9008, 9448, 8080.",
)
@click.option("--no-web", is_flag=True, help="Start no web page; the API has its own at /docs.")
def demo_command(data_dir: Path, base_port: int | None, *, no_web: bool) -> None:
    """Two homeservers that federate, the application service, and people to try it with."""
    del no_web  # there is no web page yet that could be left out
    ports = Ports() if base_port is None else Ports.from_base(base_port)
    try:
        _refuse_early(ports)
        asyncio.run(_run(data_dir.resolve(), ports))
    except (DemoError, SettingsError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or data_dir}: {error.strerror}") from error


def _refuse_early(ports: Ports) -> None:
    if any(importlib.util.find_spec(name) is None for name in ("synapse", "aiosmtpd")):
        raise DemoError(
            "the demo needs Synapse and aiosmtpd: pip install 'videoconsulta[demo]', or use `make run`."
        )
    if importlib.util.find_spec("videoconsulta_synapse") is None:
        raise DemoError(f"the demo needs our Synapse module: pip install {template_directory() / 'module'}")
    busy = [f"{port} ({name})" for name, port in ports.in_use()]
    if busy:
        raise DemoError(f"ports in use: {', '.join(busy)}. Stop who listens there, or choose --base-port.")


async def _run(directory: Path, ports: Ports) -> None:
    progress = Progress()
    # An event, not a cancel: a second Ctrl-C must not interrupt the stopping.
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.create_task(run_platform(directory, ports=ports, now=utc_now, progress=progress))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        progress.say(f"everything has stopped; the data stays in {directory}")
