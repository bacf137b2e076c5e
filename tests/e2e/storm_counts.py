"""What is counted when a storm is over: everything is there, and nothing twice."""

from collections import Counter
from contextlib import suppress
from hashlib import sha256

from sqlalchemy import select, update

from bridge import app
from bridge.clock import utc_now
from bridge.notifications.news import mail_of, read_up_to
from bridge.storage.attachments import attachments
from bridge.storage.deliveries import IS_OPEN, deliveries
from bridge.storage.live_events import live_events
from bridge.storage.state import get_state
from tests.e2e.element import ElementClient, ElementError
from tests.e2e.mails import mails_to
from tests.e2e.ratchets import uses_of_indexes
from tests.e2e.raw_client import logged_in
from tests.e2e.storm import Storm, Waiting
from tests.e2e.world import PASSWORD, Api, Pair, eventually

_SAMPLE = 5
_HEALED_S = 90  # what a homeserver forgot to push is looked for every 10 s, on a busy machine


async def everything_arrived(storm: Storm, people: Pair, element: ElementClient, room: str) -> None:
    """Each message once and readable, in the doctor's client and in the patient's history."""
    expected = Counter(["primero", *storm.from_patient, *storm.from_doctor])
    await element.wait_for_message(room, body=storm.from_patient[-1], timeout_s=60)
    for body in storm.from_patient:
        with suppress(ElementError):  # counted below, where a failure shows the whole picture
            await element.wait_for_message(room, body=body, timeout_s=10)
    seen = [one for one in await element.timeline(room, paginate=True) if one.type == "m.room.message"]
    unreadable = [one.summary for one in seen if one.is_decryption_failure]
    assert not unreadable
    assert Counter(one.body for one in seen) == expected
    assert all(one.is_trusted for one in seen if one.sender == people.patient)
    await eventually(
        lambda: people.api.history(room),
        until=lambda messages: Counter(message["body"] for message in messages) == expected,
        within_s=_HEALED_S,
    )


async def every_file_is_whole(storm: Storm, people: Pair, element: ElementClient, room: str) -> None:
    """Each upload is an attachment of the message that it was sent with, byte by byte; so are the doctor's files."""
    shown = {one["body"]: one for one in await people.api.history(room)}
    for caption, (attachment_id, expected) in storm.uploads.items():
        assert [one["attachment_id"] for one in shown[caption]["attachments"]] == [attachment_id]
        assert await _digest(people.api, attachment_id) == expected
    for caption, expected in storm.files_of_doctor.items():
        (attachment,) = shown[caption]["attachments"]
        assert await _digest(people.api, attachment["attachment_id"]) == expected
    for caption in list(storm.uploads)[-_SAMPLE:]:
        there = storm.directory / "saved"
        await element.save_file(room, shown[caption]["message_id"], there)
        assert sha256(there.read_bytes()).hexdigest() == storm.uploads[caption][1]
    async with app.opened(storm.servers.settings) as gateway, gateway.database.read() as connection:
        kept = select(attachments.c.id, attachments.c.state).where(attachments.c.owner == people.patient)
        rows = (await connection.execute(kept)).all()
    assert Counter(tuple(row) for row in rows) == Counter((one, "sent") for one, _ in storm.uploads.values())


async def _digest(api: Api, attachment_id: str) -> str:
    made = sha256()
    async for piece in api.download(f"/api/messages/attachment/{attachment_id}"):
        made.update(piece)
    return made.hexdigest()


async def all_is_read(
    storm: Storm, people: Pair, element: ElementClient, room: str, waiting: Waiting
) -> None:
    """The doctor's receipt makes all of the patient's messages read; she sees the last that the other marked."""
    (last,) = await element.timeline(room, limit=1)
    await element.read_receipt(room, last.event_id)

    async def not_read() -> dict[str, str]:
        shown = await people.api.history(room)
        return {
            one["body"]: one["status"]
            for one in shown
            if one["sender"] == people.patient and one["status"] != "read"
        }

    await eventually(not_read, until=lambda found: not found, within_s=_HEALED_S)

    async def unread() -> int:
        answer = await waiting.api.request("GET", "/api/conversations")
        return sum(one["unread_count"] for one in answer.body["conversations"])

    await eventually(unread, until=lambda count: count == 0, within_s=_HEALED_S)
    async with logged_in(storm.servers.hospital, people.professional, PASSWORD) as doctor:

        async def receipts() -> set[str]:
            ephemeral = (await doctor.synced())["join"][waiting.room]["ephemeral"]["events"]
            contents = [event["content"] for event in ephemeral if event["type"] == "m.receipt"]
            return {
                event_id
                for content in contents
                for event_id, kinds in content.items()
                if waiting.api.acting_for in kinds.get("m.read", {})
            }

        await eventually(receipts, until=lambda found: found == {storm.marked[-1]})


async def everybody_was_told(storm: Storm, element: ElementClient, waiting: Waiting) -> None:
    """What she hasn't read was told; no mail came twice but where a kill fell between its acceptance and our commit.

    White-box: what the dead had in their hands is due again at once, as if their leases had ended.
    """
    last = await element.send_text(waiting.room, "último aviso")
    person = waiting.api.acting_for
    hers = (deliveries.c.person == person, deliveries.c.channel == "email")
    bridge = storm.servers.bridge
    async with app.opened(storm.servers.settings) as gateway:
        database = gateway.database

        async def is_noticed() -> bool:
            async with database.read() as connection:
                place = int(await get_state(connection, "notifications.place") or 0)
                events = select(live_events.c.data).where(
                    live_events.c.person == person, live_events.c.place <= place
                )
                return last in {data.get("message_id") for data in await connection.scalars(events)}

        async def states() -> dict[str, str]:
            async with database.read() as connection:
                rows = await connection.execute(select(deliveries.c.id, deliveries.c.state).where(*hers))
                return {row.id: row.state for row in rows}

        await eventually(is_noticed, until=bool, within_s=_HEALED_S)
        await bridge.stop()
        async with database.write() as connection:
            await connection.execute(update(deliveries).where(*hers, IS_OPEN).values(due_at=utc_now()))
        await bridge.start()
        await bridge.wait_ready()
        found = await eventually(states, until=lambda it: {"pending", "failed"}.isdisjoint(it.values()))
        async with database.read() as connection:
            read = await read_up_to(connection, person, waiting.room)
    newest = mail_of(person=person, conversation_id=waiting.room, read_up_to=read, due_at=utc_now())
    assert found[newest.id] == "sent"
    mails = mails_to(storm.servers, waiting.address)
    told = Counter(str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in mails)
    named = {sha256(one.encode()).hexdigest()[:40]: state for one, state in found.items()}
    assert {one for one, state in named.items() if state == "sent"} <= set(told) <= set(named)
    assert len(mails) - len(told) <= storm.kills
    print(len(told), "mails, and", len(mails) - len(told), "of them again")  # noqa: T201 what this run has shown


async def no_index_was_used_twice(storm: Storm, people: Pair, room: str) -> None:
    """Each step of each of the patient's ratchets encrypted one event at most, by what the homeserver has."""
    used = await uses_of_indexes(storm.servers.settings, room, sender=people.patient)
    assert used
    assert max(used.values()) == 1
