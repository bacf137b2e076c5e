"""Asks the bridge whether somebody may invite somebody."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass

import treq
from synapse.module_api import make_deferred_yieldable, run_in_background
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.iweb import IResponse

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0
CACHE_S = 10.0
_LARGEST_CACHE = 10_000
_PATH = "/_videoconsulta/policy/v1/invite"

Post = Callable[..., Deferred[IResponse]]
"""`treq.post`, or something like it."""


class CareUnknownError(Exception):
    """The bridge did not answer in time, or not with an answer."""


@dataclass(frozen=True)
class Invitation:
    """What is asked: whether `inviter` may invite `invitee` into this room."""

    inviter: str
    invitee: str
    room_id: str


class Bridge:
    """The bridge at `url`, asked at most once in 10 s for the same invitation, for 2 s at the most.

    `now` counts seconds, from whenever; `timer` ends what takes too long.
    """

    def __init__(
        self, *, url: str, secret: str, post: Post, timer: IReactorTime, now: Callable[[], float]
    ) -> None:
        self._url = url + _PATH
        self._authorization = f"Bearer {secret}"
        self._post = post
        self._timer = timer
        self._now = now
        self._answers: dict[Invitation, tuple[float, bool]] = {}

    async def allows(self, invitation: Invitation) -> bool:
        """Its answer. Raises CareUnknownError; that is never remembered."""
        answered_at, allowed = self._answers.get(invitation, (float("-inf"), False))
        if self._now() - answered_at < CACHE_S:
            return allowed
        try:
            answer = run_in_background(self._ask, invitation)
            answer.addTimeout(TIMEOUT_S, self._timer)
            allowed = await make_deferred_yieldable(answer)
        except Exception as error:
            log.warning("the bridge gives no answer, so an invitation is refused: %s", type(error).__name__)
            raise CareUnknownError from error
        self._remember(invitation, allowed=allowed)
        return allowed

    async def _ask(self, invitation: Invitation) -> bool:
        response = await make_deferred_yieldable(
            self._post(self._url, json=asdict(invitation), headers={"Authorization": self._authorization})
        )
        answer = await make_deferred_yieldable(treq.json_content(response))
        if response.code != 200 or not isinstance(answer, dict):  # noqa: PLR2004
            raise CareUnknownError(f"status {response.code}")
        # Anything but a plain yes is a no.
        return answer.get("allowed") is True

    def _remember(self, invitation: Invitation, *, allowed: bool) -> None:
        if len(self._answers) >= _LARGEST_CACHE:
            self._answers.clear()
        self._answers[invitation] = (self._now(), allowed)
