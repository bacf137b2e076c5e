"""Starts the platform's programs in order, watches them, and stops every one of them in the end."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from bridge.clock import Now
from bridge.demo.cast import CAST
from bridge.demo.certificates import certificate_files, ensure_certificates
from bridge.demo.errors import DemoError
from bridge.demo.files import write_private
from bridge.demo.mail_sink import mail_sink
from bridge.demo.people import Passwords, create_accounts, demo_json, settle_in, user_ids
from bridge.demo.platform import LocalPlatform, make_platform
from bridge.demo.ports import Ports
from bridge.demo.progress import Progress
from bridge.migrations import upgrade_database

MAILS = "mails"


async def run_platform(directory: Path, *, ports: Ports, now: Now, progress: Progress) -> None:
    """The platform in this directory, until cancelled. Raises DemoError, SettingsError.

    `demo.json` is there while everything answers, and `ready` is printed then.
    """
    announcement = directory / "demo.json"
    _make(directory)
    certificates = certificate_files(directory / "tls")
    ensure_certificates(certificates, now=now())
    async with mail_sink(directory / MAILS, certificates=certificates) as smtp_port:
        platform = make_platform(directory, ports=ports, now=now(), smtp_port=smtp_port)
        # Not before we know that it is ours: another demo may be running here, on other ports.
        announcement.unlink(missing_ok=True)
        passwords = Passwords(directory / "passwords.yaml")
        async with _stopped_in_the_end(platform, progress):
            await _start(platform, passwords, progress)
            announced = json.dumps(demo_json(platform, passwords), indent=1, ensure_ascii=False)
            await asyncio.to_thread(write_private, announcement, announced)
            _announce(platform, announcement)
            await _watch(platform)


def _make(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


async def _start(platform: LocalPlatform, passwords: Passwords, progress: Progress) -> None:
    names = f"{platform.portal.server_name} (portal), {platform.hospital.server_name} (hospital)"
    progress.say(f"starting the homeservers {names}")
    await asyncio.gather(platform.start_homeservers(), upgrade_database(platform.settings.database))
    progress.say("the homeservers answer; starting the application service")
    await platform.bridge.start()
    await create_accounts(platform, passwords)
    await settle_in(platform, passwords)
    await platform.bridge.wait_ready()
    progress.say("the application service answers")


@asynccontextmanager
async def _stopped_in_the_end(platform: LocalPlatform, progress: Progress) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        progress.say("stopping")
        await platform.stop()


async def _watch(platform: LocalPlatform) -> None:
    """Returns never; raises DemoError when one of the programs ends."""
    programs = {
        asyncio.create_task(program.wait_ended()): (name, program.log_path)
        for name, program in (
            ("the portal's homeserver", platform.portal),
            ("the hospital's homeserver", platform.hospital),
            ("the application service", platform.bridge),
        )
    }
    try:
        done, _ = await asyncio.wait(programs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in programs:
            task.cancel()
    task = next(iter(done))
    name, log_path = programs[task]
    raise DemoError(f"{name} ended by itself (exit code {task.result()}); see {log_path}")


def _announce(platform: LocalPlatform, announcement: Path) -> None:
    ids = user_ids(platform)
    click.echo(f"\n  API      {platform.bridge.api_url}/docs")
    for homeserver in (platform.portal, platform.hospital):
        click.echo(f"  {homeserver.role:8} {homeserver.client_url} is the homeserver to enter in Element for")
        for key, person in CAST.items():
            if person.home == homeserver.role and not person.managed:
                click.echo(f"           {ids[key]:26} {person.display_name}")
    managed = ", ".join(ids[key] for key, person in CAST.items() if person.managed)
    click.echo(f"  without a client of their own, over the API only: {managed}")
    click.echo(f"  mails (nobody gets them) become files in {announcement.parent / MAILS}")
    click.echo(f"  passwords and the API key: {announcement}\n  Ctrl-C stops everything.\n")
    click.echo("ready")
