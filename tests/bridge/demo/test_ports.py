"""The ports of a demo."""

import socket
from dataclasses import astuple

from bridge.demo.ports import Ports


def test_a_base_shifts_every_port_in_the_documented_order() -> None:
    """Portal client, portal federation, hospital client, hospital federation, API."""
    assert astuple(Ports.from_base(30_000)) == (30_000, 30_001, 30_002, 30_003, 30_004)
    assert astuple(Ports()) == (8008, 8448, 9008, 9448, 8080)


def test_a_port_that_is_listened_on_is_named_with_its_use() -> None:
    """The person in front of it learns which port, and what for."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert ("api", port) in list(Ports(api=port).in_use())
    assert ("api", port) not in list(Ports(api=port).in_use())
