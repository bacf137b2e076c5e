"""bots/hearing.py: what is said to the assistant, of all that happens."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.hearing import COMMAND_EVENT, Called, Heard, NoText, Said, heard
from tests.anything import anything

ME = "@asistente:portal.example"
GARCIA = "@garcia:hospital.example"
MESSAGE = "m.room.message"


def hear(event_type: str = MESSAGE, **content: Any) -> Heard | None:
    """What an event says to the assistant."""
    return heard(event_type, content, listener=ME)


def text(body: str, **more: Any) -> Heard | None:
    """What a text says to it."""
    return hear(msgtype="m.text", body=body, **more)


def test_a_text_is_heard() -> None:
    """As it was written."""
    assert text(" !ayuda ") == Said(" !ayuda ")


@pytest.mark.parametrize(
    "msgtype", ["m.notice", "m.server_notice", "m.key.verification.request", "org.example.x", 7, None]
)
def test_what_bots_and_clients_say_is_not_heard(msgtype: Any) -> None:
    """Two bots would talk for ever."""
    assert hear(msgtype=msgtype, body="!ayuda") is None


@pytest.mark.parametrize(
    "event_type", ["m.reaction", "m.room.redaction", "m.key.verification.start", "m.call.invite", ""]
)
def test_other_events_are_not_heard(event_type: str) -> None:
    """Even if they look like a message."""
    assert hear(event_type, msgtype="m.text", body="!ayuda") is None


def test_edits_are_not_heard() -> None:
    """What was answered stays answered; by either sign of an edit."""
    assert text("* !ayuda", **{"m.new_content": {"msgtype": "m.text", "body": "!ayuda"}}) is None
    assert text("* !ayuda", **{"m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}}) is None


@pytest.mark.parametrize("msgtype", ["m.image", "m.file", "m.audio", "m.video", "m.location"])
def test_what_is_no_text_is_told_apart(msgtype: str) -> None:
    """So that nobody thinks that a professional sees the picture."""
    assert hear(msgtype=msgtype, body="foto.jpg") == NoText()
    assert hear("m.sticker", body="x") == NoText()


def test_a_called_command_is_heard_whatever_is_in_it() -> None:
    """Whether it makes sense is judged later."""
    assert hear(COMMAND_EVENT, command=7) == Called({"command": 7})


@pytest.mark.parametrize(
    ("users", "mentioned"),
    [
        ([GARCIA], GARCIA),
        ([ME, GARCIA], GARCIA),
        ([ME], None),
        ([], None),
        ([GARCIA, "@x:y"], None),
        ([7], None),
        ("x", None),
    ],
)
def test_one_mentioned_person_is_meant(users: Any, mentioned: str | None) -> None:
    """Not the assistant itself, whom an answer to it mentions."""
    assert text("!consulta Dra. García", **{"m.mentions": {"user_ids": users}}) == Said(
        "!consulta Dra. García", mentioned=mentioned
    )


def test_quotations_of_older_clients_are_left_out() -> None:
    """Only in an answer, and only at its beginning."""
    answer = {"m.relates_to": {"m.in_reply_to": {"event_id": "$1"}}}
    assert text("> <@x:y> hola\n> adiós\n\n!ayuda", **answer) == Said("!ayuda", answers="$1")
    assert text("!ayuda\n> x", **answer) == Said("!ayuda\n> x", answers="$1")
    assert text("> !ayuda") == Said("> !ayuda")


def test_a_thread_is_kept() -> None:
    """Who asks in a thread looks for the answer there."""
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}}
    assert text("!ayuda", **thread) == Said("!ayuda", thread="$root")
    assert text("!ayuda", **{"m.relates_to": {"rel_type": "m.thread", "event_id": 7}}) == Said("!ayuda")


@given(
    st.sampled_from([MESSAGE, COMMAND_EVENT, "m.sticker", "m.reaction"]),
    st.dictionaries(
        st.sampled_from(["msgtype", "body", "m.relates_to", "m.new_content", "m.mentions", "other"]),
        anything | st.sampled_from(["m.text", "m.notice", "m.image"]),
    ),
)
def test_any_content_is_heard_or_not(event_type: str, content: dict[str, Any]) -> None:
    """Nothing in an event makes hearing fail; a notice is never heard."""
    found = heard(event_type, content, listener=ME)
    assert found is None or isinstance(found, Said | Called | NoText)
    if event_type == MESSAGE and content.get("msgtype") == "m.notice":
        assert found is None
