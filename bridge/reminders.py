"""Puts together what tells people of their appointments."""

from bridge.app import Platform
from bridge.notices.judging import Judging
from bridge.reminding.chat import ChatSender
from bridge.reminding.dialogues import Dialogues
from bridge.reminding.digest import Digests
from bridge.reminding.planning import Planning
from bridge.scheduler import Job


def judging_of(platform: Platform) -> Judging:
    """What every channel asks before it tells of an appointment."""
    return Judging(sealer=platform.sealer, settings=platform.settings.reminders, now=platform.now)


def chat_sender(platform: Platform, *, judging: Judging) -> ChatSender:
    """The ledger's channel `chat`."""
    return ChatSender(
        database=platform.database,
        outbox=platform.outbox,
        dialogues=Dialogues(platform.sealer),
        sealer=platform.sealer,
        judging=judging,
        assistant_id=platform.settings.assistant_id,
        now=platform.now,
    )


def planning_of(platform: Platform) -> Planning:
    """What enters announcements and reminders into the ledger."""
    return Planning(
        database=platform.database,
        sealer=platform.sealer,
        settings=platform.settings.reminders,
        placing=platform.placing,
        now=platform.now,
    )


def reminding_jobs(platform: Platform) -> list[Job]:
    """The jobs that fill the ledger."""
    digests = Digests(
        database=platform.database,
        sealer=platform.sealer,
        at=platform.settings.reminders.digest_at,
        now=platform.now,
    )
    return [
        Job("plan what is said of appointments", 1, planning_of(platform).plan),
        Job("enter professionals' days", 60, digests.enter),
    ]
