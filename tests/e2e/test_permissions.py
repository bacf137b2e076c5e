"""The table of permissions, walked: every relation, every action, every door, against running servers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio

from appointments.permissions import ACTIONS, TABLE, Relation, decide
from tests.e2e.clinic import Clinic
from tests.e2e.permission_cast import (
    UNKNOWN_ROOM,
    Backend,
    Cast,
    bring_together,
    client_cast,
    clients,
    joined,
    managed_cast,
    part,
    settled,
)
from tests.e2e.permission_doors import World, doors, managed_session, own_session
from tests.e2e.place import CLEAR
from tests.e2e.raw_client import RawClient
from tests.e2e.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(clinic: Clinic) -> AsyncIterator[World]:
    """Everybody, made once for all tests here."""
    platform = clinic.platform
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(platform.bridge.api_url))
        key = {"Authorization": f"Bearer {clinic.api_key}"}
        backend = Backend(
            await stack.enter_async_context(aiohttp.ClientSession(platform.bridge.api_url, headers=key))
        )
        managed, own = await managed_cast(clinic), await client_cast(clinic)
        by_person = await clients(own, platform, stack)
        tokens = {one: await managed_session(http, clinic, one) for one in managed.everybody}
        tokens |= {one: await own_session(http, client) for one, client in by_person.items()}
        for cast in (managed, own):
            await bring_together(cast, backend, tokens)
        await joined(own, by_person)
        for cast in (managed, own):
            await part(cast, backend, platform)
        # Leaving ends a session: hers has to be made anew, or 401 would hide what the table says.
        tokens[own.departed] = await own_session(http, by_person[own.departed])
        tokens[managed.departed] = await managed_session(http, clinic, managed.departed)
        markers = await settled(managed, platform) | await settled(own, platform)
        await reached_the_hospital(own, by_person, markers)
        yield World(clinic, http, managed, own, by_person, tokens, markers)


async def reached_the_hospital(
    cast: Cast, by_person: Mapping[str, RawClient], markers: Mapping[str, str]
) -> None:
    """What `read` is judged by is there for those who may, and so is what came before: else it means nothing."""
    for name, person in cast.professionals.items():
        await eventually(
            partial(by_person[person].event_ids, cast.rooms[name]),
            until=lambda shown, name=name: markers[cast.rooms[name]] in shown,
        )
    assert UNKNOWN_ROOM not in markers


@pytest.mark.parametrize("door", ["key", "browser", "own", "matrix"])
@pytest.mark.parametrize("relation", TABLE, ids=lambda one: f"{one.who}-{one.care}")
async def test_what_the_table_says(world: World, relation: Relation, door: str) -> None:
    """Each cell of this row, for everybody whom it is about; every deviation is listed."""
    cast, enter = doors(world, door)
    room = cast.room(relation)
    deviations = []
    for person in cast.persons(relation):
        ask = enter(person)
        for other in others(cast, relation, person):
            for action in ACTIONS:
                wanted = decide(relation, action)
                wanted_here = "no" if door == "matrix" and wanted != "allowed" else wanted
                told = await ask(action, room, other)
                deviations += [(person, action, one, wanted_here) for one in told if one != wanted_here]
    assert not deviations


def others(cast: Cast, relation: Relation, person: str) -> list[str]:
    """Whom to open a conversation with: for strangers, somebody who is there and somebody who is not."""
    if relation.who != "stranger":
        return [cast.other(relation, person)]
    is_professional = person in cast.professionals.values()
    there = cast.departed if is_professional else cast.patient
    return [there, f"@nadie:{there.partition(':')[2]}"]


@pytest.mark.parametrize("relation", TABLE, ids=lambda one: f"{one.who}-{one.care}")
async def test_what_nobody_may(world: World, relation: Relation) -> None:
    """Invite, write in clear, change state, upgrade: whoever it is, on whichever server, also with a raw client."""
    cast = world.own
    room, allowed = cast.room(relation), []
    for person in cast.persons(relation):
        me = world.clients[person]
        attempts = {
            "invite": me.invite(room, cast.strangers[-1]),
            "clear text": me.send(room, "m.room.message", CLEAR),
            "name": me.put_state(room, "m.room.name", {"name": "Diagnóstico"}),
            "encryption": me.put_state(room, "m.room.encryption", {}),
            "public": me.put_state(room, "m.room.join_rules", {"join_rule": "public"}),
            "levels": me.put_state(room, "m.room.power_levels", {"users_default": 100}),
            "upgrade": me.request("POST", f"/rooms/{quote(room)}/upgrade", {"new_version": "12"}),
        }
        if decide(relation, "read") != "allowed":
            attempts["join"] = me.join(room)
        for name, attempt in attempts.items():
            reply = await attempt
            if reply.status not in (403, 404):
                allowed.append((person, name, reply))
    assert not allowed
