"""Runs a guide as its reader would: every ```bash block, from top to bottom, in one shell."""

import asyncio
import os
import re
from collections.abc import Mapping
from pathlib import Path

_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The first command that fails ends it, and an HTTP status of 400 or more is a failure.
_PREAMBLE = """\
set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
"""
_PATIENCE_S = 60


def script_of(guide: Path) -> str:
    """The guide's blocks as one script, which says on standard error where it is."""
    text = guide.read_text(encoding="utf-8")
    blocks = [
        f'echo "{guide.name}, line {text.count(chr(10), 0, found.start(1)) + 1}" >&2\n{found[1]}'
        for found in _BLOCK.finditer(text)
    ]
    assert blocks, f"{guide} has no bash blocks"
    return _PREAMBLE + "".join(blocks)


async def follow(guide: Path, environment: Mapping[str, str]) -> str:
    """What its commands print. Raises AssertionError naming the line at which a command failed."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script_of(guide)),
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, said = await asyncio.wait_for(process.communicate(), timeout=_PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, f"{said.decode()}\n{printed.decode()[-2000:]}"
    return printed.decode()
