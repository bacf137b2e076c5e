"""kill -9 of a process that delivers: nothing is lost, and what comes twice is recognised (white-box: its bound)."""

import asyncio
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from appointments.sealing import Sealer
from bridge.notifications.courier import _SENT_AT_ONCE
from bridge.storage.database import Database
from bridge.storage.deliveries import deliveries
from tests.bridge.notifications.due_mails import enqueue_mails
from tests.bridge.notifications.mail_server import mail_server
from tests.until import until

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)
PEOPLE = 40
ROOT = Path(__file__).parents[3]


async def test_killed_again_and_again(database: Database, tmp_path: Path) -> None:
    """Five processes are killed while they send; the sixth sends what is left, when their leases have ended.

    What was accepted and not yet committed comes again: no more than a process has in its hands.
    """
    await enqueue_mails(database, people=PEOPLE, sealer=SEALER, now=NOW)
    async with mail_server(tmp_path) as server:
        kills = 0
        for turn in range(12):
            before = len(server.mails)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.bridge.notifications.courier_process",
                database._url,
                str(server.settings.port),
                str(server.settings.ca_file),
                str(turn * 6),
                cwd=ROOT,
            )
            waiting = asyncio.create_task(process.wait())
            if kills < 5:
                await until(lambda: waiting.done() or len(server.mails) >= before + 3)  # noqa: B023 awaited here
                if not waiting.done():
                    process.kill()
                    kills += 1
            if await waiting == 0:
                break
        sent = Counter(str(mail["Message-ID"]) for mail in server.mails)
        assert kills == 5
        assert len(sent) == PEOPLE
        assert len(server.mails) - PEOPLE <= kills * _SENT_AT_ONCE["email"]
    async with database.read() as connection:
        query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        assert (await connection.execute(query)).all() == [("sent", PEOPLE)]
