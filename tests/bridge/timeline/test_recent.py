"""bridge/timeline/recent.py: what passed of late is at hand, and never more of it than was said."""

from bridge.e2ee.model import Decrypted, EncryptedEvent
from bridge.matrix.json import JsonObject
from bridge.timeline.recent import RecentEvents
from tests.until import until

ROOM, OTHER = "!room:portal.example", "!other:portal.example"


def event(number: int, *, room_id: str = ROOM, size: int = 10, at: int = 0) -> EncryptedEvent:
    """An event with so much ciphertext."""
    content = {"ciphertext": "A" * size}
    return EncryptedEvent(f"${room_id}{number}", room_id, "@lucia:portal.example", content, at)


def numbers(recent: RecentEvents, room_id: str = ROOM, *, limit: int = 1000) -> list[int]:
    """Which events of the room are there, in the order that they are given."""
    found = recent.newest(room_id, limit=limit)
    return [int(one.event_id.removeprefix(f"${room_id}")) for one in found]


async def test_what_was_opened_is_gone_after_its_time() -> None:
    """Whoever took it or not; the last that was handed over has its own time (white-box: what is held)."""
    recent = RecentEvents(opened_s=0.05)
    words = Decrypted("m.room.message", {"body": "hola"})
    for name in ("$1", "$2"):
        recent.hand_over({("@maria:portal.example", name): words})
        assert list(recent._opened) == [("@maria:portal.example", name)]
    await until(lambda: not recent._opened)
    assert recent.take("@maria:portal.example", "$2") is None


async def test_what_is_taken_back_is_told_to_nobody() -> None:
    """Not even what was opened a moment ago."""
    recent = RecentEvents()
    words = Decrypted("m.room.message", {"body": "hola"})
    recent.hand_over({("@maria:portal.example", name): words for name in ("$1", "$2")})
    recent.forget("$1", room_id=ROOM)
    taken = [recent.take("@maria:portal.example", name) for name in ("$1", "$2")]
    assert taken == [None, words]


def test_a_room_has_its_newest_hundred() -> None:
    """The newest first, and not more than asked for; streams find the last 256 of all."""
    recent = RecentEvents()
    for number in range(300):
        recent.keep(event(number))
    assert numbers(recent) == list(range(299, 199, -1))
    assert numbers(recent, limit=3) == [299, 298, 297]
    assert numbers(recent, OTHER) == []
    assert [recent.find(event(number).event_id) is None for number in (43, 44)] == [True, False]


def test_what_we_sent_is_kept_as_it_was_pushed() -> None:
    """The homeserver adds the time; its push may come before its answer, or after."""
    recent = RecentEvents()
    recent.keep(event(1), is_sent=True)
    recent.keep(event(1, at=1000))
    recent.keep(event(2, at=2000))
    recent.keep(event(2), is_sent=True)
    assert recent.newest(ROOM, limit=9) == [event(2, at=2000), event(1, at=1000)]
    assert recent.is_sent(event(1).event_id)
    assert recent.is_sent(event(2).event_id)


def test_what_was_taken_back_is_gone() -> None:
    """Everywhere; taking back what isn't there changes nothing."""
    recent = RecentEvents()
    for number in range(2):
        recent.keep(event(number), is_sent=True)
    for _ in range(2):
        recent.forget(event(1).event_id, room_id=ROOM)
    recent.forget(event(1).event_id, room_id=OTHER)
    assert numbers(recent) == [0]
    assert recent.find(event(1).event_id) is None
    assert not recent.is_sent(event(1).event_id)


def test_the_quietest_rooms_make_way() -> None:
    """The room that heard nothing for the longest time is forgotten as a whole."""
    recent = RecentEvents(most_bytes=60_000)
    for number in range(5):
        recent.keep(event(number, room_id=OTHER, size=8500))
    for number in range(5):
        recent.keep(event(number, size=8500))
    assert (numbers(recent, OTHER), numbers(recent)) == ([], [4, 3, 2, 1, 0])
    recent.keep(event(9, size=60_000))
    assert numbers(recent) == []
    recent.keep(event(10))
    assert numbers(recent) == [10]


def test_all_that_is_in_an_event_counts() -> None:
    """Its sender may put any keys beside the ciphertext; what is let go is counted as it was when it came."""
    recent = RecentEvents(most_bytes=60_000)
    for number in range(10):
        content = {"ciphertext": "A", "more": {"keys": ["B" * 10_000]}}
        recent.keep(EncryptedEvent(f"${ROOM}{number}", ROOM, "@lucia:portal.example", content))
    assert len(numbers(recent)) <= 5
    for one in recent.newest(ROOM, limit=10):
        recent.forget(one.event_id, room_id=ROOM)
    for number in range(5):
        recent.keep(event(number, size=8500))
    assert numbers(recent) == [4, 3, 2, 1, 0]


def test_what_takes_more_than_any_message_is_not_kept() -> None:
    """Nobody stops a push by what nests deep, or fills the memory with small parts; a large text is kept."""
    deep: JsonObject = {}
    for _ in range(100_000):
        deep = {"a": deep}
    recent = RecentEvents()
    for content in (deep, {"many": [[] for _ in range(20_000)]}):
        recent.keep(EncryptedEvent(f"${ROOM}0", ROOM, "@lucia:portal.example", content))
        assert (numbers(recent), recent.find(f"${ROOM}0")) == ([], None)
    recent.keep(event(1, size=65_000))
    assert numbers(recent) == [1]
