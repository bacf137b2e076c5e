"""The running API against its own description: whatever is sent, no 5xx and no answer that isn't documented."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from bridge.demo.bridge_process import BridgeProcess
from tests.e2e.clinic import Clinic

pytestmark = pytest.mark.asyncio(loop_scope="session")

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
# One request after another: a failure names the request that made it.
_ALWAYS = ("--workers", "1", "--no-color", "--warnings", "off", "--continue-on-failure")


_HOOKS = Path(__file__).with_name("schemathesis_seeds.py")
_WRITES = (
    "POST /api/session",
    "POST /api/messages/send",
    "POST /api/messages/{message_id}/read",
    "POST /api/conversations",
    "PUT /api/care/{patient}/{professional}",
    "DELETE /api/care/{patient}/{professional}",
    "PUT /api/representatives/{patient}/{representative}",
    "DELETE /api/representatives/{patient}/{representative}",
    "PUT /api/professionals/{user_id}/schedule",
    "POST /api/appointments",
    "PATCH /api/appointments/{id}",
    "POST /api/appointments/{id}/cancel",
    "POST /api/appointments/{id}/waiting",
    "POST /api/calendar",
)
"""What has to succeed at least once in a run, or the run says little. The seeds have to suffice for it."""

_BOOKED = 40
"""So many that a run which cancels some at first finds others that can still be moved."""

Reached = Mapping[str, Mapping[str, int]]
"""How often each operation answered with which status."""


async def _seeds(clinic: Clinic, patient: str, professional: str) -> dict[str, list[str]]:
    """What is real, by the name of the field: care and representation change for people who write to nobody."""
    others = [await clinic.managed_user(), await clinic.patient()]
    async with clinic.api(acting_for=patient) as http:
        message = {"recipient": professional, "body": "hola"}
        async with http.post("/api/messages/send", json=message) as response:
            assert response.status == 201, await response.text()
            sent = await response.json()
    starts, booked = await _booked(clinic, patient, professional)
    return {
        "user_id": [others[0]],
        "zone": ["Europe/Madrid"],
        "start": starts,
        "id": booked,
        "conversation_id": [sent["conversation_id"]],
        "message_id": [sent["message_id"]],
        "reply_to": [sent["message_id"]],
        "recipient": [professional],
        "with": [professional],
        "on_behalf_of": [patient],
        "patient": [others[0]],
        "representative": [others[1]],
        "professional": [professional, await clinic.professional()],
    }


async def _booked(clinic: Clinic, patient: str, professional: str) -> tuple[list[str], list[str]]:
    """Times that are free, and appointments that are there."""
    async with clinic.api(acting_for=patient) as http:
        always = [{"from": "00:00", "until": "24:00"}]
        days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        schedule = {"zone": "Europe/Madrid", "weekly": dict.fromkeys(days, always)}
        path = f"/api/professionals/{quote(professional, safe='')}"
        async with http.put(f"{path}/schedule", json=schedule) as response:
            assert response.status == 201, await response.text()
        async with http.get(f"{path}/slots?limit=500") as response:
            starts = [slot["start"] for slot in (await response.json())["slots"]]
        booked = []
        for start in starts[-_BOOKED:]:
            body = {"professional": professional, "start": start}
            async with http.post("/api/appointments", json=body) as response:
                assert response.status == 201, await response.text()
                booked.append((await response.json())["id"])
    return starts[:-_BOOKED], booked


async def _run(clinic: Clinic, directory: Path, *options: str, within_s: float) -> Reached:
    """Schemathesis as a process of its own (its loop and its sockets are not ours), with a key that opens all."""
    patient, professional = await clinic.pair()
    seeds, reached = directory / "seeds.json", directory / "reached.json"
    seeds.write_text(json.dumps(await _seeds(clinic, patient, professional)))
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{clinic.platform.bridge.api_url}/openapi.json",
        "--header",
        f"Authorization: Bearer {clinic.api_key}",
        "--header",
        f"X-Act-As: {patient}",
        "--checks",
        ",".join(_CHECKS),
        # A stream has no end to wait for.
        "--exclude-path",
        "/api/events",
        *_ALWAYS,
        *options,
        cwd=directory,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": str(_HOOKS),
            "VIDEOCONSULTA_SEEDS": str(seeds),
            "VIDEOCONSULTA_REACHED": str(reached),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within_s):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    found: Reached = json.loads(reached.read_text())
    return found


def _without_success(reached: Reached) -> list[str]:
    """The writes that never did what they are for."""
    return [
        write for write in _WRITES if not any(status.startswith("2") for status in reached.get(write, {}))
    ]


async def test_a_short_run_finds_nothing(clinic: Clinic, bridge: BridgeProcess, tmp_path: Path) -> None:
    """Every operation, with good and with bad data, the same in every run; every write succeeds at least once."""
    assert bridge.is_running
    reached = await _run(
        clinic,
        tmp_path,
        "--phases",
        "examples,coverage,fuzzing",
        "--generation-deterministic",
        "--max-examples",
        "15",
        within_s=240,
    )
    assert not _without_success(reached)
    assert bridge.is_running


@pytest.mark.faults
async def test_twenty_minutes_find_nothing(clinic: Clinic, bridge: BridgeProcess, tmp_path: Path) -> None:
    """As long as there is time, sequences of requests too."""
    assert bridge.is_running
    options = ("--seed", "3", "--max-time", "1200", "--max-examples", "500")
    assert not _without_success(await _run(clinic, tmp_path, *options, within_s=1800))
    assert bridge.is_running
