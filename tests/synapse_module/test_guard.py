"""videoconsulta_synapse/guard.py: what Synapse's callbacks answer, at the portal and at a hospital."""

from typing import Any

import pytest
from synapse.module_api import NOT_SPAM
from synapse.module_api.errors import Codes, SynapseError
from videoconsulta_synapse import Guard
from videoconsulta_synapse.care import CareUnknownError, Invitation

from tests.synapse_module.homeserver import (
    ASSISTANT,
    CONSULT,
    ENCRYPTED,
    GARCIA,
    KEEPER,
    MARIA,
    OTHER_ROOM,
    PEDRO,
    ROOM,
    Api,
    consult_state,
    event,
    invitation,
    ordinary_state,
    result,
)

CLEAR = {"msgtype": "m.text", "body": "me duele"}


class Care:
    """Stands for the bridge: Maria and Garcia are in care."""

    def __init__(self) -> None:
        self.asked: list[Invitation] = []
        self.is_down = False

    async def allows(self, asked: Invitation) -> bool:
        """See Bridge."""
        self.asked.append(asked)
        if self.is_down:
            raise CareUnknownError
        if asked.inviter == KEEPER:
            return asked.room_id == ROOM and asked.invitee in (MARIA, GARCIA)
        return {asked.inviter, asked.invitee} == {MARIA, GARCIA}


class Server:
    """A server called `portal` with the module; with `care` to ask unless it is a hospital's."""

    def __init__(self, *, care: Care | None, **config: Any) -> None:
        self.api: Any = Api()
        parsed = Guard.parse_config({"keeper": KEEPER, "assistant": ASSISTANT, **config})
        self.guard: Any = Guard(parsed, self.api)
        self.guard._bridge = care

    def ask(self, callback: str, *arguments: Any) -> Any:
        """What the module answers to Synapse."""
        return result(self.api.callbacks[callback](*arguments))

    def why_refused(self, made: Any, *, consult: bool = False) -> str | None:
        """The error that a local sender reads."""
        state = consult_state() if consult else ordinary_state()
        try:
            verdict = self.ask("check_event_allowed", made, state)
        except SynapseError as error:
            return error.msg if (error.code, error.errcode) == (403, Codes.FORBIDDEN) else repr(error)
        assert verdict == (True, None)
        return None

    def why_foreign_invitation_refused(self, made: Any) -> str | None:
        """The error that the other server reads."""
        return _reason(self.ask("federated_user_may_invite", made))


def _reason(verdict: Any) -> str | None:
    if verdict == NOT_SPAM:
        return None
    code, more = verdict
    assert code == Codes.FORBIDDEN
    return str(more["error"])


@pytest.fixture
def care() -> Care:
    """Whom the portal asks."""
    return Care()


@pytest.fixture
def portal(care: Care) -> Server:
    """With the care rules."""
    return Server(care=care)


@pytest.fixture
def hospital() -> Server:
    """Without."""
    return Server(care=None)


def test_own_people_are_refused_with_the_reason(portal: Server, hospital: Server) -> None:
    """In a consult room; elsewhere they do as they like."""
    for server in (portal, hospital):
        message = event("m.room.message", CLEAR)
        assert server.why_refused(message, consult=True) == "In a consult room this has to be encrypted"
        assert server.why_refused(message) is None
        assert server.why_refused(event("m.room.encrypted", ENCRYPTED), consult=True) is None
        # The room's state came with the event: nothing is looked up for a local send.
        assert server.api.asked == []


def test_foreign_clear_text_is_hidden(portal: Server) -> None:
    """Only in consult rooms, only messages; the room's type is looked up once."""
    for _ in range(3):
        clear = event("m.room.message", CLEAR, sender=GARCIA)
        assert _reason(portal.ask("check_event_for_spam", clear)) is not None
        encrypted = event("m.room.encrypted", ENCRYPTED, sender=GARCIA)
        assert _reason(portal.ask("check_event_for_spam", encrypted)) is None
    elsewhere = event("m.room.message", CLEAR, sender=GARCIA, room_id=OTHER_ROOM)
    assert _reason(portal.ask("check_event_for_spam", elsewhere)) is None
    assert portal.api.asked == [ROOM, OTHER_ROOM]


def test_foreign_state_and_own_events_are_not_hidden(portal: Server) -> None:
    """State must be the same on all servers; own events were judged when they were made."""
    state = event("m.room.encryption", {}, sender=GARCIA, state_key="")
    assert _reason(portal.ask("check_event_for_spam", state)) is None
    assert _reason(portal.ask("check_event_for_spam", event("m.room.message", CLEAR))) is None
    assert portal.api.asked == []


def test_a_room_that_is_not_known_yet_is_looked_up_again(portal: Server) -> None:
    """While a server joins, events come before it knows the room."""
    room = portal.api.rooms.pop(ROOM)
    clear = event("m.room.message", CLEAR, sender=GARCIA)
    assert _reason(portal.ask("check_event_for_spam", clear)) is None
    portal.api.rooms[ROOM] = room
    assert _reason(portal.ask("check_event_for_spam", clear)) is not None


@pytest.mark.parametrize(
    ("inviter", "invitee", "reason"),
    [
        (MARIA, PEDRO, "Only people in a care relationship may invite each other"),
        (PEDRO, KEEPER, "Only people in a care relationship may invite each other"),
        (KEEPER, PEDRO, None),
        (ASSISTANT, PEDRO, None),
        (MARIA, "@lopez:hospital", None),
    ],
)
def test_who_may_invite_at_the_portal(
    portal: Server, care: Care, inviter: str, invitee: str, reason: str | None
) -> None:
    """Into other rooms: bots, people in care, and who invites no one of ours; bots aren't asked about."""
    assert portal.why_refused(invitation(invitee, sender=inviter, room_id=OTHER_ROOM)) == reason
    assert len(care.asked) == (reason is not None)


def test_invitations_from_elsewhere(portal: Server, care: Care) -> None:
    """Somebody in care may, a stranger not, and nobody to what calls itself a consult room."""
    assert portal.why_foreign_invitation_refused(invitation(MARIA, sender=GARCIA)) is None
    stranger = invitation(PEDRO, sender=GARCIA)
    assert "care relationship" in (portal.why_foreign_invitation_refused(stranger) or "")
    stripped = [{"type": "m.room.create", "state_key": "", "content": CONSULT}]
    false = invitation(MARIA, sender=GARCIA, unsigned={"invite_room_state": stripped})
    assert "Only the portal" in (portal.why_foreign_invitation_refused(false) or "")
    assert [one.invitee for one in care.asked] == [MARIA, PEDRO]


def test_without_the_bridge_nobody_gets_in(portal: Server, care: Care) -> None:
    """Closed, with an error that says so; what needs no bridge goes on."""
    care.is_down = True
    unknown = "Whether you may invite this person can't be checked now; try again in a moment"
    assert portal.why_foreign_invitation_refused(invitation(MARIA, sender=GARCIA)) == unknown
    assert portal.why_refused(invitation(MARIA, sender=PEDRO)) == unknown
    assert portal.why_refused(invitation(MARIA, sender=KEEPER), consult=True) == unknown
    assert portal.why_refused(event("m.room.encrypted", ENCRYPTED), consult=True) is None


@pytest.mark.parametrize(
    ("invitee", "is_refused"), [(MARIA, False), (GARCIA, False), (PEDRO, True), ("@lopez:hospital", True)]
)
def test_the_keeper_invites_who_takes_part(
    portal: Server, hospital: Server, care: Care, invitee: str, *, is_refused: bool
) -> None:
    """Into a consult room, people of any server, and the portal asks: its token may be in other hands."""
    reason = "Only those who take part in its conversation are invited to a consult room"
    made = invitation(invitee, sender=KEEPER)
    assert portal.why_refused(made, consult=True) == (reason if is_refused else None)
    assert [one.room_id for one in care.asked] == [ROOM]
    assert hospital.why_refused(made, consult=True) is None


def test_the_rules_of_the_room_come_before_the_bridge(portal: Server, care: Care) -> None:
    """An invitation that is refused anyway is not asked about."""
    assert portal.why_refused(invitation(MARIA, sender=PEDRO), consult=True) is not None
    assert care.asked == []


def test_a_hospital_asks_nobody(hospital: Server) -> None:
    """Its own people invite whom they like, but not into consult rooms; the portal's keeper invites them."""
    assert hospital.why_refused(invitation(PEDRO, sender=MARIA)) is None
    assert hospital.why_refused(invitation(PEDRO, sender=MARIA), consult=True) is not None
    assert hospital.why_foreign_invitation_refused(invitation(MARIA, sender=GARCIA)) is None
    stripped = [{"type": "m.room.create", "state_key": "", "content": CONSULT}]
    for sender, is_refused in ((KEEPER, False), ("@x:portal2", True)):
        made = invitation(MARIA, sender=sender, unsigned={"invite_room_state": stripped})
        assert (hospital.why_foreign_invitation_refused(made) is not None) is is_refused


def test_rooms_and_directories(portal: Server) -> None:
    """Consult rooms are the keeper's and in no directory; there are no aliases unless configured."""
    assert _reason(portal.ask("user_may_create_room", MARIA, {"creation_content": CONSULT})) is not None
    assert _reason(portal.ask("user_may_create_room", MARIA, {})) is None
    assert _reason(portal.ask("user_may_publish_room", MARIA, ROOM)) is not None
    assert _reason(portal.ask("user_may_publish_room", MARIA, OTHER_ROOM)) is None
    assert _reason(portal.ask("user_may_create_room_alias", MARIA, "#a:portal")) is not None
    lenient = Server(care=None, room_aliases=True)
    assert _reason(lenient.ask("user_may_create_room_alias", MARIA, "#a:portal")) is None


def test_only_a_bridge_url_brings_the_care_rules() -> None:
    """And only a secret the questions about deliveries and about what happened."""
    for config, resources in (({}, 0), ({"secret": "s" * 20}, 2)):
        server = Server(care=None, **config)
        assert len(server.api.resources) == resources
    api: Any = Api()
    parsed = Guard.parse_config({"keeper": KEEPER, "bridge_url": "http://b", "secret": "s" * 20})
    assert Guard(parsed, api)._bridge is not None
    assert Guard(Guard.parse_config({"keeper": KEEPER}), api)._bridge is None
