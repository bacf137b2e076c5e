"""People for every row of the table of permissions, and the conversations that they are in or not."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from appointments.permissions import Relation
from bridge import app
from bridge.demo.platform import LocalPlatform
from bridge.people.departures import depart
from tests.e2e.clinic import PASSWORD, Clinic
from tests.e2e.raw_client import RawClient, logged_in, masquerading
from tests.e2e.world import eventually

PERIODS = ("active", "future", "ended")
UNKNOWN_ROOM = f"!{'A' * 43}"
NEVER = "2100-01-01T00:00:00Z"


@dataclass(frozen=True)
class Cast:
    """One patient, a professional for each period of care and one who left, and everybody around them.

    `no_representatives` acted once, will act, or act in other matters only; `strangers` have nothing to do with the
    patient, one of them is cared for by the professional whose care is active.
    """

    patient: str
    professionals: Mapping[str, str]
    departed: str
    representative: str
    no_representatives: Sequence[str]
    strangers: Sequence[str]
    rooms: dict[str, str]

    @property
    def everybody(self) -> list[str]:
        """All of them."""
        acting = [self.representative, *self.no_representatives]
        return [self.patient, *self.professionals.values(), self.departed, *acting, *self.strangers]

    def persons(self, relation: Relation) -> list[str]:
        """Who is this to the conversation of `room`; a professional of one conversation is a stranger to another."""
        others = [one for period, one in self.professionals.items() if period != relation.care]
        found = {
            "patient": [self.patient],
            "professional": [self.professionals.get(relation.care, "")],
            "representative": [self.representative],
            "no-representative": list(self.no_representatives),
            "departed": [self.departed],
            "stranger": [*self.strangers, *(others if relation.care != "none" else [])],
        }
        return found[relation.who]

    def room(self, relation: Relation) -> str:
        """The conversation that the relation is about; there is none of people who never were in care."""
        if relation.who == "departed":
            return self.rooms["departed"]
        return self.rooms.get(relation.care, UNKNOWN_ROOM)

    def other(self, relation: Relation, person: str) -> str:
        """Whom this person would open the conversation with."""
        if relation.who in ("professional", "departed") or person in self.strangers:
            return self.patient
        return self.professionals[relation.care]


async def managed_cast(clinic: Clinic) -> Cast:
    """All of them without a client, so that every cell can be asked for over REST."""
    return _cast([await clinic.managed_user() for _ in range(11)])


async def client_cast(clinic: Clinic) -> Cast:
    """All of them with a client: professionals at the hospital, the others at the portal; strangers at both."""
    at_hospital = [await clinic.professional() for _ in range(5)]
    at_portal = [await clinic.patient() for _ in range(7)]
    return _cast([at_portal[0], *at_hospital[:4], *at_portal[1:], at_hospital[4]])


def _cast(people: Sequence[str]) -> Cast:
    patient, active, future, ended, departed, acts, *rest = people
    professionals = dict(zip(PERIODS, (active, future, ended), strict=True))
    return Cast(patient, professionals, departed, acts, rest[:3], rest[3:], {})


@dataclass(frozen=True)
class Backend:
    """The portal's back end, with its key."""

    http: aiohttp.ClientSession

    async def put(self, what: str, patient: str, other: str, **body: Any) -> None:
        """Enter care, or a representation."""
        async with self.http.put(_path(what, patient, other), json=body) as response:
            assert response.status in (200, 201), await response.text()

    async def end(self, what: str, patient: str, other: str) -> None:
        """End it."""
        async with self.http.delete(_path(what, patient, other)) as response:
            assert response.status == 204, await response.text()


def _path(what: str, patient: str, other: str) -> str:
    return f"/api/{what}/{quote(patient, safe='')}/{quote(other, safe='')}"


async def bring_together(cast: Cast, backend: Backend, tokens: Mapping[str, str]) -> None:
    """Care for each professional and the patient, and a conversation; the representatives are in all of these."""
    professionals = {**cast.professionals, "departed": cast.departed}
    for person in (cast.representative, *cast.no_representatives):
        await backend.put("representatives", cast.patient, person, scopes=["messages"])
    await backend.put("care", cast.strangers[0], cast.professionals["active"], role="gp")
    for name, professional in professionals.items():
        await backend.put("care", cast.patient, professional, role="gp")
        headers = {"Authorization": f"Bearer {tokens[cast.patient]}"}
        async with backend.http.post(
            "/api/conversations", json={"with": professional}, headers=headers
        ) as response:
            assert response.status == 201, await response.text()
            cast.rooms[name] = (await response.json())["conversation_id"]


async def part(cast: Cast, backend: Backend, platform: LocalPlatform) -> None:
    """From here on each relation is what it is called."""
    former, later, films = cast.no_representatives
    await backend.end("representatives", cast.patient, former)
    await backend.put("representatives", cast.patient, later, scopes=["messages"], **{"from": NEVER})
    await backend.put("representatives", cast.patient, films, scopes=["video", "appointments"])
    await backend.put("care", cast.patient, cast.professionals["future"], role="gp", **{"from": NEVER})
    await backend.end("care", cast.patient, cast.professionals["ended"])
    async with app.opened(platform.settings) as gateway, gateway.database.write() as connection:
        await depart(connection, professional=cast.departed, now=gateway.now())
    # She has left already: this only makes the API look at the room now.
    await backend.end("care", cast.patient, cast.departed)


async def clients(cast: Cast, platform: LocalPlatform, stack: AsyncExitStack) -> dict[str, RawClient]:
    """Each person's client."""
    found = {}
    for person in cast.everybody:
        home = next(
            server
            for server in (platform.portal, platform.hospital)
            if person.endswith(f":{server.server_name}")
        )
        found[person] = await stack.enter_async_context(logged_in(home, person, PASSWORD))
    return found


async def joined(cast: Cast, by_person: Mapping[str, RawClient]) -> None:
    """Whoever was invited takes the invitation."""
    acting = [cast.representative, *cast.no_representatives]
    professionals = {**cast.professionals, "departed": cast.departed}
    for name, room in cast.rooms.items():
        for person in (cast.patient, professionals[name], *acting):

            async def join(client: RawClient = by_person[person], room: str = room) -> int:
                return (await client.join(room)).status

            await eventually(join, until=lambda status: status == 200)


async def settled(cast: Cast, platform: LocalPlatform) -> dict[str, str]:
    """Waits until each room is what it should be; then something new happens in it: room id → event id."""
    out = {*cast.no_representatives}
    markers = {}
    async with masquerading(platform.settings, platform.settings.keeper_id) as keeper:
        for name, room in cast.rooms.items():
            members = {cast.patient, cast.representative}
            members |= {cast.professionals[name]} if name in PERIODS else set()

            async def present(room: str = room) -> set[str]:
                reply = await keeper.request("GET", f"/rooms/{quote(room)}/joined_members")
                return set(reply.body["joined"]) - {platform.settings.keeper_id}

            async def level(room: str = room) -> int:
                path = f"/rooms/{quote(room)}/state/m.room.power_levels"
                return int((await keeper.request("GET", path)).body["events_default"])

            await eventually(present, until=lambda found, members=members: found == members)
            assert not out & await present()
            wanted = 0 if name == "active" else 100
            await eventually(level, until=lambda found, wanted=wanted: found == wanted)
            reply = await keeper.put_state(room, "m.room.topic", {"topic": "Algo nuevo"})
            assert reply.status == 200, reply
            markers[room] = reply.body["event_id"]
    return markers
