"""Makes `.venv` and installs exactly what requirements/dev.txt pins, saying how far it is.

Where packages come from is pip's own configuration and environment.
"""
# ruff: noqa: INP001, T201, S603 a script that prints, and runs commands of its own

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_LOCK = _ROOT / "requirements" / "dev.txt"
_PYTHON = _ROOT / ".venv" / "bin" / "python"
_PIP = (str(_PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off")
_STEP = 20
_TAIL = 15


def main() -> None:
    """Make the environment, or bring it up to date."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 whatever PYTHON named
        sys.exit(f"Videoconsulta needs Python 3.11 or newer; this is {version}.")
    has_venv = subprocess.run(
        (sys.executable, "-c", "import ensurepip"), stderr=subprocess.DEVNULL, check=False
    )
    if has_venv.returncode != 0:
        sys.exit("Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv")
    if not _PYTHON.exists():
        print(f"making .venv with Python {version}", flush=True)
        _run((sys.executable, "-m", "venv", str(_ROOT / ".venv")))

    print(f"installing what {_LOCK.relative_to(_ROOT)} pins; this takes a minute or two", flush=True)
    _run((*_PIP, "--require-hashes", "--requirement", str(_LOCK)))
    for ours in (_ROOT, _ROOT / "synapse-config" / "module"):
        _run((*_PIP, "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ours)))


def _run(command: Sequence[str]) -> None:
    """Run a command, counting the packages it fetches; when it fails, show its last lines and end."""
    lines: list[str] = []
    fetched = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            lines.append(line)
            if line.startswith("Collecting"):
                fetched += 1
                if fetched % _STEP == 0:
                    print(f"  {fetched} fetched", flush=True)
            elif line.startswith("Installing collected"):
                print(f"  {fetched} fetched, unpacking", flush=True)
    if process.returncode != 0:
        sys.exit("".join(lines[-_TAIL:]) + f"failed: {' '.join(command)}")


main()
