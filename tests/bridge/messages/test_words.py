"""bridge/messages/words.py: what a decrypted event says to people."""

from typing import Any

import pytest

from bridge.attachments.encrypted_file import Encryptor
from bridge.e2ee.model import Decrypted, Undecryptable
from bridge.messages.words import Said, edited_words, is_silent, said

FILE = Encryptor().described("mxc://hospital.example/abc").model_dump()


def file_message(**fields: Any) -> dict[str, Any]:
    """A picture as clients send it."""
    return {"msgtype": "m.image", "body": "herida.jpg", "file": FILE} | fields


def of(content: dict[str, Any], event_type: str = "m.room.message") -> Said | None:
    """What this says."""
    return said(Decrypted(event_type, content))


@pytest.mark.parametrize(
    ("fields", "caption"),
    [
        ({}, ""),
        ({"filename": "herida.jpg"}, ""),
        ({"filename": "herida.jpg", "body": "¿Está infectada?"}, "¿Está infectada?"),
    ],
)
def test_a_files_words_are_its_caption(fields: dict[str, Any], caption: str) -> None:
    """Its name is no caption."""
    told = of(file_message(**fields))
    assert told is not None
    assert (told.type, told.words, told.file is not None) == ("image", caption, True)


@pytest.mark.parametrize(
    "content",
    [
        {"msgtype": "m.location", "body": "La consulta: geo:40.4,-3.7", "geo_uri": "geo:40.4,-3.7"},
        {"msgtype": "org.example.form", "body": "Rellene esto, por favor"},
    ],
)
def test_a_kind_that_we_dont_know_is_its_text(content: dict[str, Any]) -> None:
    """As the specification has it: nobody waits for an answer to what was never shown."""
    told = of(content)
    assert told == Said("text", content["body"], None)


def test_an_answer_does_not_repeat_the_question() -> None:
    """Older clients put it before the answer (bots/quotations.py)."""
    body = "> <@portal_lucia:portal.example> ¿Sigo con la dieta?\n\nSí."
    told = of({"msgtype": "m.text", "body": body, "m.relates_to": {"m.in_reply_to": {"event_id": "$1"}}})
    assert told == Said("text", "Sí.", None)


POLL = "¿Qué día le va bien?\n1. Lunes\n2. Martes"


@pytest.mark.parametrize(
    ("event_type", "content"),
    [
        (
            "org.matrix.msc3381.poll.start",
            {"org.matrix.msc1767.text": POLL, "org.matrix.msc3381.poll.start": {}},
        ),
        ("m.poll.start", {"m.text": [{"body": POLL}], "m.poll": {}}),
        ("m.poll.start", {"m.text": [{"body": "<b>", "mimetype": "text/html"}, {"body": POLL}]}),
        ("m.sticker", {"body": POLL, "url": "mxc://hospital.example/abc", "info": {}}),
    ],
)
def test_a_poll_is_its_text(event_type: str, content: dict[str, Any]) -> None:
    """So is a sticker. Who has no buttons for it can answer in words."""
    assert of(content, event_type) == Said("text", POLL, None)


@pytest.mark.parametrize(
    "content", [{}, {"m.text": "x"}, {"m.text": [5, {}, {"body": 5}]}, {"org.matrix.msc1767.text": 5}]
)
def test_a_poll_without_a_text_says_nothing(content: dict[str, Any]) -> None:
    """Whatever else is in it."""
    assert of(content, "m.poll.start") is None


@pytest.mark.parametrize(
    ("event_type", "content"),
    [
        ("org.matrix.msc3381.poll.response", {"org.matrix.msc1767.text": "no"}),
        ("m.call.invite", {"msgtype": "m.text", "body": "no"}),
        ("m.room.message", {"msgtype": "m.key.verification.request", "body": "no"}),
        ("m.room.message", {"msgtype": "m.text", "body": 5}),
        ("m.room.message", {"msgtype": 5, "body": "no"}),
        ("m.room.message", {"body": "no"}),
    ],
)
def test_what_says_nothing(event_type: str, content: dict[str, Any]) -> None:
    """Calls, verifications, nonsense."""
    assert of(content, event_type) is None


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({"body": "tome 1", "filename": "receta.pdf", "file": FILE}, "tome 1"),
        ({"body": "tome 1"}, "tome 1"),
        ({"body": "receta.pdf"}, ""),
        ({"body": "otra.pdf", "filename": "otra.pdf"}, ""),
        ({"body": 5}, None),
        ("tome 1", None),
        (None, None),
    ],
)
def test_an_edit_of_a_file_is_of_its_caption(new: Any, words: str | None) -> None:
    """However much of the file it repeats; its name alone takes the caption away."""
    before = of(file_message(msgtype="m.file", filename="receta.pdf", body="tome 2"))
    assert before is not None
    after = edited_words(before, Decrypted("m.room.message", {"m.new_content": new}))
    assert after == words


def test_an_edit_of_another_kind_says_nothing() -> None:
    """Only a message edits a message."""
    before = Said("text", "hola", None)
    new = {"m.new_content": {"body": "adiós"}}
    assert edited_words(before, Decrypted("es.example.other", new)) is None
    assert edited_words(before, Decrypted("m.room.message", new)) == "adiós"


def test_what_nobody_could_read_may_be_a_message() -> None:
    """Until somebody has read that it is none."""
    call, text = (
        Decrypted("m.call.invite", {}),
        Decrypted("m.room.message", {"msgtype": "m.text", "body": "a"}),
    )
    unread = Undecryptable("unknown-session")
    assert is_silent([call])
    assert is_silent([unread, call])
    assert not is_silent([])
    assert not is_silent([unread])
    assert not is_silent([unread, text])
