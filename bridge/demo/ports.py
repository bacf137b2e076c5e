"""The ports of one platform on this machine."""

import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Self


@dataclass(frozen=True)
class Ports:
    """Five ports on loopback. The defaults are what people know from Matrix; a base shifts all of them."""

    portal_client: int = 8008
    portal_federation: int = 8448
    hospital_client: int = 9008
    hospital_federation: int = 9448
    api: int = 8080

    @classmethod
    def from_base(cls, base: int) -> Self:
        """`base` and the four after it, in the order of the fields."""
        return cls(*range(base, base + len(fields(cls))))

    def in_use(self) -> Iterator[tuple[str, int]]:
        """Which of them somebody else listens on: what it would be for, and the number."""
        for name, port in asdict(self).items():
            with socket.socket() as probe:
                # As servers do: a port of a server that has just ended is free.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    yield name.replace("_", " "), port
