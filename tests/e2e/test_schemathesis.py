"""The running API against its own description: whatever is sent, no 5xx and no answer that isn't documented."""

import asyncio
import sys
from pathlib import Path

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


async def _run(clinic: Clinic, directory: Path, *options: str, within_s: float) -> None:
    """Schemathesis as a process of its own (its loop and its sockets are not ours), with a key that opens all."""
    patient, _ = await clinic.pair()
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
        *_ALWAYS,
        *options,
        cwd=directory,
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


async def test_a_short_run_finds_nothing(clinic: Clinic, bridge: BridgeProcess, tmp_path: Path) -> None:
    """Every operation, with good and with bad data; the same requests in every run."""
    assert bridge.is_running
    await _run(
        clinic,
        tmp_path,
        "--phases",
        "examples,coverage,fuzzing",
        "--generation-deterministic",
        "--max-examples",
        "15",
        within_s=90,
    )
    assert bridge.is_running


@pytest.mark.faults
async def test_twenty_minutes_find_nothing(clinic: Clinic, bridge: BridgeProcess, tmp_path: Path) -> None:
    """As long as there is time, sequences of requests too."""
    assert bridge.is_running
    await _run(clinic, tmp_path, "--seed", "3", "--max-time", "1200", "--max-examples", "500", within_s=1800)
    assert bridge.is_running
