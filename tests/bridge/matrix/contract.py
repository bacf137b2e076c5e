"""What our services rely on in a homeserver's rooms: one suite for the fake and for the real thing.

A class of tests inherits it and has two fixtures: `homeserver`, with the methods of MatrixClient, and `cast`,
three users of that homeserver for whom nothing happened yet.
"""

from tests.bridge.matrix.message_contract import MessageContract
from tests.bridge.matrix.room_contract import RoomContract


class HomeserverContract(RoomContract, MessageContract):
    """Rooms, members and messages."""
