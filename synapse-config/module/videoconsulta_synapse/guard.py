"""The module that Synapse loads: its callbacks, each a few lines over the rules."""

import time
from functools import partial
from typing import Any, Literal

import treq
from synapse.module_api import NOT_SPAM, EventBase, JsonDict, ModuleApi, RoomAlias, StateMap
from synapse.module_api.errors import Codes, SynapseError

from videoconsulta_synapse import delivered, happened, rules
from videoconsulta_synapse.care import Bridge, CareUnknownError, Invitation
from videoconsulta_synapse.config import Config, parse
from videoconsulta_synapse.rooms import ConsultRooms
from videoconsulta_synapse.secret import Secret

Verdict = Literal["NOT_SPAM"] | tuple[Codes, JsonDict]

_STRANGER = "Only people in a care relationship may invite each other"
_NO_PARTY = "Only those who take part in its conversation are invited to a consult room"
_UNKNOWN = "Whether you may invite this person can't be checked now; try again in a moment"


class Guard:
    """Keeps consult rooms closed and encrypted and, where there is a bridge to ask, strangers from inviting.

    Events of this server's people are refused. Other servers' events can't be: those that break the rules are
    hidden from this server's people, and invitations that come from elsewhere are refused.
    """

    def __init__(self, config: Config, api: ModuleApi) -> None:
        self._config = config
        self._api = api
        self._rooms = ConsultRooms(api)
        self._bridge = _bridge(config, api)
        self._invites_anybody = {config.keeper, config.assistant}
        api.register_third_party_rules_callbacks(check_event_allowed=self.check_event_allowed)
        api.register_spam_checker_callbacks(
            check_event_for_spam=self.check_event_for_spam,
            federated_user_may_invite=self.federated_user_may_invite,
            user_may_create_room=self.user_may_create_room,
            user_may_create_room_alias=self.user_may_create_room_alias,
            user_may_publish_room=self.user_may_publish_room,
        )
        if config.secret is not None:
            secret = Secret(config.secret)
            api.register_web_resource(delivered.PATH, delivered.Delivered(api=api, secret=secret))
            api.register_web_resource(happened.PATH, happened.Happened(api=api, secret=secret))

    @staticmethod
    def parse_config(config: dict[str, Any]) -> Config:
        """What Synapse gives to the constructor. Raises ConfigError."""
        return parse(config)

    async def check_event_allowed(
        self, event: EventBase, state: StateMap[EventBase]
    ) -> tuple[bool, dict[str, Any] | None]:
        """Each event that one of our people makes, whatever way: also by an admin's request, also while joining.

        Raises SynapseError, so that the person reads why.
        """
        is_consult = rules.is_consult(event, state)
        if is_consult:
            reason = rules.why_refused(event, keeper=self._config.keeper, state=state)
            if reason is not None:
                raise SynapseError(403, reason, Codes.FORBIDDEN)
        if rules.is_invitation(event):
            reason = await (self._why_no_party(event) if is_consult else self._why_stranger(event))
            if reason is not None:
                raise SynapseError(403, reason, Codes.FORBIDDEN)
        return True, None

    async def check_event_for_spam(self, event: EventBase) -> Verdict:
        """Each event from another server; what is refused here is hidden from our people.

        State is left alone: the room's power levels refuse it on every server, and hiding it only here would
        make two rooms of one. Our own people's events were judged above.
        """
        if event.is_state() or self._api.is_mine(event.sender):
            return NOT_SPAM
        if not await self._rooms.contain(event.room_id):
            return NOT_SPAM
        return _verdict(rules.why_refused(event, keeper=self._config.keeper))

    async def federated_user_may_invite(self, event: EventBase) -> Verdict:
        """An invitation from another server for one of our people."""
        is_foreign = event.sender != self._config.keeper
        if is_foreign and rules.invites_to_consult(event.unsigned.get("invite_room_state")):
            return _verdict("Only the portal invites people to a consult room")
        return _verdict(await self._why_stranger(event))

    async def user_may_create_room(self, user_id: str, request: JsonDict) -> Verdict:
        """A new room, or one that replaces another."""
        return _verdict(rules.why_room_refused(request, keeper=self._config.keeper, creator=user_id))

    async def user_may_create_room_alias(self, _user_id: str, _alias: RoomAlias) -> Verdict:
        """Synapse doesn't say for which room, so it is all rooms or none."""
        return _verdict(None if self._config.room_aliases else "Rooms have no public addresses here")

    async def user_may_publish_room(self, _user_id: str, room_id: str) -> Verdict:
        """A room that is to be shown in the directory."""
        is_consult = await self._rooms.contain(room_id)
        return _verdict("A consult room is in no directory" if is_consult else None)

    async def _why_stranger(self, event: EventBase) -> str | None:
        """Why this person may not invite one of our people; None when they may, or when it's no one of ours."""
        if event.sender in self._invites_anybody or not self._api.is_mine(event.state_key):
            return None
        return await self._why_disallowed(event, _STRANGER)

    async def _why_no_party(self, event: EventBase) -> str | None:
        """Why this person, of whatever server, may not be invited to a consult room, not even by the keeper."""
        return await self._why_disallowed(event, _NO_PARTY)

    async def _why_disallowed(self, event: EventBase, reason: str) -> str | None:
        if self._bridge is None:
            return None
        invitation = Invitation(inviter=event.sender, invitee=event.state_key, room_id=event.room_id)
        try:
            return None if await self._bridge.allows(invitation) else reason
        except CareUnknownError:
            return _UNKNOWN


def _verdict(reason: str | None) -> Verdict:
    # `error` replaces Synapse's own text, which is the same for every reason.
    return NOT_SPAM if reason is None else (Codes.FORBIDDEN, {"error": reason})


def _bridge(config: Config, api: ModuleApi) -> Bridge | None:
    if config.bridge_url is None or config.secret is None:
        return None
    reactor = api.http_client.reactor
    return Bridge(
        url=config.bridge_url,
        secret=config.secret,
        # Not the homeserver's own client: that one lets go of an unanswered request only after 60 s.
        post=partial(treq.post, reactor=reactor, allow_redirects=False),
        timer=reactor,
        now=time.monotonic,
    )
