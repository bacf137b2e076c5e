"""Sessions against the running platform: OpenID tokens of both homeservers, and what they open."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing

import aiohttp
import pytest
import pytest_asyncio

from bridge.demo.platform import LocalPlatform
from bridge.openid.errors import ServerRefusedError, ServerUnreachableError
from bridge.openid.https import other_servers_session
from bridge.openid.opening import openid_verifier
from bridge.settings import FederationSettings
from tests.e2e.clinic import Clinic
from tests.e2e.sessions import CONVERSATIONS, SESSION, call, log_in, openid_token

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(clinic: Clinic) -> AsyncGenerator[aiohttp.ClientSession]:
    """The REST API as a page or a widget sees it: without credentials, unless a test says so."""
    async with aiohttp.ClientSession(clinic.platform.bridge.api_url) as session:
        yield session


async def test_a_doctor_and_a_patient_log_in_and_meet(clinic: Clinic, http: aiohttp.ClientSession) -> None:
    """Each with a token of their own homeserver; either side opens the conversation, and both find it."""
    patient, doctor = await clinic.patient(), await clinic.professional()
    await clinic.care(patient=patient, professional=doctor)
    theirs = await log_in(http, clinic.platform.hospital, doctor)
    hers = await log_in(http, clinic.platform.portal, patient)
    assert (theirs["user_id"], theirs["roles"]) == (doctor, ["professional"])
    assert (hers["user_id"], hers["roles"]) == (patient, ["patient"])

    first = await call(http, "POST", CONVERSATIONS, token=theirs["token"], body={"with": patient})
    again = await call(http, "POST", CONVERSATIONS, token=hers["token"], body={"with": doctor})
    assert (first[0], again[0]) == (201, 200)
    assert first[1] == again[1]
    for session in (hers, theirs):
        status, found = await call(http, "GET", CONVERSATIONS, token=session["token"])
        assert status == 200
        assert [one["conversation_id"] for one in found["conversations"]] == [first[1]["conversation_id"]]


async def test_such_a_session_gives_no_content(clinic: Clinic, http: aiohttp.ClientSession) -> None:
    """Neither reading nor writing, to the professional of that very conversation; nor care, nor more sessions."""
    patient, doctor = await clinic.pair()
    token = (await log_in(http, clinic.platform.hospital, doctor))["token"]
    _, opened = await call(http, "POST", CONVERSATIONS, token=token, body={"with": patient})
    room = opened["conversation_id"].replace("!", "%21")
    tries = [
        ("GET", f"/api/messages/conversation/{room}", None, "/problems/not-managed"),
        ("POST", "/api/messages/send", {"recipient": patient, "body": "x"}, "/problems/not-managed"),
        ("PUT", f"/api/care/{patient}/{doctor}", {"role": "gp"}, "/problems/missing-scope"),
        ("DELETE", f"/api/care/{patient}/{doctor}", None, "/problems/missing-scope"),
        ("POST", SESSION, {"ttl_s": 60}, "/problems/missing-scope"),
    ]
    for method, path, body, problem in tries:
        status, answer = await call(http, method, path, token=token, body=body)
        assert (status, answer["type"]) == (403, problem)


async def test_strangers_log_in_and_find_nothing(clinic: Clinic, http: aiohttp.ClientSession) -> None:
    """No roles, no conversations, and 403 for opening one with anybody, there or not."""
    patient = await clinic.patient()
    for server, stranger in (
        (clinic.platform.portal, await clinic.patient()),
        (clinic.platform.hospital, await clinic.professional()),
    ):
        session = await log_in(http, server, stranger)
        assert session["roles"] == []
        listed = await call(http, "GET", CONVERSATIONS, token=session["token"])
        assert listed == (200, {"conversations": []})
        refusals = [
            await call(http, "POST", CONVERSATIONS, token=session["token"], body={"with": other})
            for other in (patient, f"{patient[:-1]}9", "@nobody:nowhere.example")
        ]
        assert [status for status, _ in refusals] == [403, 403, 403]
        assert refusals[0] == refusals[1] == refusals[2]


async def test_logging_out_is_for_good(clinic: Clinic, http: aiohttp.ClientSession) -> None:
    """The session is gone at once, and its OpenID token makes no other although the homeserver still knows it."""
    openid = await openid_token(clinic.platform.hospital, await clinic.professional())
    status, session = await call(http, "POST", SESSION, body=openid)
    assert status == 201
    assert await call(http, "DELETE", SESSION, token=session["token"]) == (204, None)
    assert (await call(http, "GET", CONVERSATIONS, token=session["token"]))[0] == 401
    assert (await call(http, "POST", SESSION, body=openid))[0] == 401


async def test_tokens_that_are_no_good(clinic: Clinic, http: aiohttp.ClientSession) -> None:
    """Made up, expired, or shown for the other server: 401. A server that is not allowed: 403, unasked."""
    hospital, portal = clinic.platform.hospital, clinic.platform.portal
    openid = await openid_token(hospital, await clinic.professional())
    expired = await openid_token(hospital, await clinic.professional())
    with closing(sqlite3.connect(hospital.directory / "homeserver.db", timeout=30)) as database, database:
        query = "UPDATE open_id_tokens SET ts_valid_until_ms = 1 WHERE token = ?"
        assert database.execute(query, (expired["access_token"],)).rowcount == 1
    tries = [
        ({**openid, "access_token": "x" * 24}, 401),
        (expired, 401),
        ({**openid, "matrix_server_name": portal.server_name}, 401),
        ({**openid, "matrix_server_name": "localhost"}, 403),
        ({**openid, "matrix_server_name": hospital.server_name.replace("localhost", "127.0.0.1")}, 403),
        ({**openid, "matrix_server_name": hospital.server_name.replace("localhost", "LOCALHOST")}, 403),
        ({**openid, "matrix_server_name": "evil.example"}, 403),
        ({**openid, "matrix_server_name": "2130706433"}, 403),
        ({"ttl_s": 60}, 401),
        (openid, 201),
    ]
    for body, wanted in tries:
        status, answer = await call(http, "POST", SESSION, body=body)
        assert status == wanted, (body["matrix_server_name"], answer)


async def test_private_addresses_are_refused_unless_configured(clinic: Clinic) -> None:
    """The demo's homeservers are on loopback: with the settings' default nobody is asked there."""
    openid = await openid_token(clinic.platform.hospital, await clinic.professional())
    settings = clinic.platform.settings
    strict = settings.model_copy(
        update={"federation": FederationSettings(ca_file=settings.federation.ca_file)}
    )
    untrusting = settings.model_copy(update={"federation": FederationSettings(allow_private_addresses=True)})
    known = {"access_token": openid["access_token"], "server_name": openid["matrix_server_name"]}
    async with other_servers_session() as http:
        assert await openid_verifier(settings, http=http).user_of(**known)
        with pytest.raises(ServerRefusedError):
            await openid_verifier(strict, http=http).user_of(**known)
        with pytest.raises(ServerUnreachableError, match="Certificate"):
            await openid_verifier(untrusting, http=http).user_of(**known)


async def test_the_portal_logs_a_browser_in(clinic: Clinic, http: aiohttp.ClientSession) -> None:
    """A managed user's page sends and reads with its own session; it is hers alone, and ends when it says."""
    patient, doctor = await clinic.pair()
    async with clinic.api(patient) as backend:
        async with backend.post(SESSION, json={"ttl_s": 3600}) as response:
            assert response.status == 201
            session = await response.json()
        async with backend.post(SESSION, json={"ttl_s": 1}) as response:
            short = await response.json()
    assert (session["user_id"], session["roles"]) == (patient, ["patient"])
    token = session["token"]
    status, sent = await call(
        http, "POST", "/api/messages/send", token=token, body={"recipient": doctor, "body": "Buenos días"}
    )
    assert status == 201
    room = sent["conversation_id"].replace("!", "%21")
    status, history = await call(http, "GET", f"/api/messages/conversation/{room}", token=token)
    assert (status, history["messages"][0]["body"]) == (200, "Buenos días")

    other_patient, other_doctor = await clinic.pair()
    async with clinic.api(other_patient) as backend:
        body = {"recipient": other_doctor, "body": "x"}
        async with backend.post("/api/messages/send", json=body) as response:
            foreign = (await response.json())["conversation_id"].replace("!", "%21")
    refusals = [
        await call(http, "GET", f"/api/messages/conversation/{room}", token=token)
        for room in (foreign, foreign[:-4] + "aaaa")
    ]
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == 404
    async with http.get(
        CONVERSATIONS, headers={"Authorization": f"Bearer {token}", "X-Act-As": other_patient}
    ) as response:
        assert response.status == 403
    await asyncio.sleep(1)
    assert (await call(http, "GET", CONVERSATIONS, token=short["token"]))[0] == 401


async def test_a_session_outlives_a_restart(
    clinic: Clinic, http: aiohttp.ClientSession, servers: LocalPlatform
) -> None:
    """Of the bridge: it is in the database."""
    token = (await log_in(http, servers.portal, await clinic.patient()))["token"]
    await servers.bridge.restart()
    assert (await call(http, "GET", CONVERSATIONS, token=token))[0] == 200


async def test_no_token_is_in_the_log(clinic: Clinic, http: aiohttp.ClientSession) -> None:
    """Neither the session's nor the OpenID token."""
    openid = await openid_token(clinic.platform.hospital, await clinic.professional())
    _, session = await call(http, "POST", SESSION, body=openid)
    log = (clinic.platform.config.parent / "videoconsulta.log").read_text(encoding="utf-8")
    assert "POST /api/session 201" in log
    assert openid["access_token"] not in log
    assert session["token"] not in log
