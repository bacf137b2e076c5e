"""Becomes another program, tied to the process that started it (`-m bridge.demo.tether PARENT PROGRAM …`).

Where the system can (Linux), the program gets SIGTERM when its parent dies, by whatever means: not even
`kill -9` of the demo or of a test run leaves a homeserver behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the program given on the command line."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit("the process that wanted this one has gone")
    os.execv(command[0], command)  # noqa: S606 the caller's own command, no shell


if __name__ == "__main__":
    main()
