"""How far each other homeserver has taken what the portal's sent, see bridge/states/delivery.py."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from appointments.storage.schema import Instant, metadata

delivery_servers = Table(
    "delivery_servers",
    metadata,
    Column("server", Text, primary_key=True),
    # The last place in the portal's stream of events that the server took, as far as we have heard.
    Column("sent", BigInteger, nullable=True),
    # Since when nothing moved, as a number of questions; and when the next one may be asked, by any process.
    Column("questions", Integer, nullable=False),
    Column("ask_at", Instant, nullable=False),
)
