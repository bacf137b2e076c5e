"""The server ACL of a consult room, as Synapse itself applies it to the servers of a federation.

On one machine server names differ in their ports only, and homeservers match ACLs without them: so names it is here.
"""

import pytest
from synapse.synapse_rust.acl import ServerAclEvaluator
from synapse.util.stringutils import parse_server_name

from bots.consult import consult_room

KEEPER = "@consulta:portal.example.org:8448"
PEOPLE = ("@maria:portal.example.org:8448", "@garcia:hospital.example.org")


def _evaluator() -> ServerAclEvaluator:
    body = consult_room(
        nonce="n",
        keeper=KEEPER,
        people=PEOPLE,
        notice="",
        rotation_period_msgs=100,
        rotation_period_ms=604_800_000,
    )
    acl = next(event["content"] for event in body["initial_state"] if event["type"] == "m.room.server_acl")
    return ServerAclEvaluator(acl["allow_ip_literals"], acl["allow"], acl["deny"])


def _lets_in(server_name: str) -> bool:
    # As FederationServer.check_server_matches_acl is called: with the host of the server that asks.
    host, _ = parse_server_name(server_name)
    return _evaluator().server_matches_acl_event(host)


@pytest.mark.parametrize(
    "server_name",
    ["portal.example.org:8448", "portal.example.org", "hospital.example.org", "hospital.example.org:8448"],
)
def test_the_care_teams_servers_take_part(server_name: str) -> None:
    """Whatever their ports: a server on another port of the same host is the same to everybody."""
    assert _lets_in(server_name)


@pytest.mark.parametrize(
    "server_name",
    [
        "matrix.org",
        "example.org",
        "evil.hospital.example.org",
        "hospital.example.org.evil.example",
        "hospital-example.org",
        "xhospital.example.org",
        "192.0.2.1",
        "192.0.2.1:8448",
        "[2001:db8::1]",
        "[2001:db8::1]:8448",
        "localhost",
    ],
)
def test_every_other_server_is_kept_out(server_name: str) -> None:
    """Also those that look alike, and addresses instead of names."""
    assert not _lets_in(server_name)
