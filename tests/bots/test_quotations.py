"""bots/quotations.py: an answer without the message that it answers."""

from typing import Any

import pytest

from bots.quotations import without_quotation

ANSWER: dict[str, Any] = {"m.relates_to": {"m.in_reply_to": {"event_id": "$1"}}}
QUOTED = "> <@portal_lucia:portal.example> ¿Sigo con la dieta?\n>\n> ¿Y camino?\n\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"{QUOTED}Sí.\n\n> Y camine.", "Sí.\n\n> Y camine."),
        (f"{QUOTED}Sí.".replace("\n", "\r\n"), "Sí."),
        ("> * <@portal_lucia:portal.example> saluda\n\nHola", "Hola"),
        ("> <@portal_lucia:portal.example> hola\nHola", "Hola"),
        ("Sí", "Sí"),
        ("> El prospecto dice: una al día.\n\nEso es.", "> El prospecto dice: una al día.\n\nEso es."),
        (QUOTED, QUOTED),
    ],
)
def test_an_answer_does_not_repeat_the_question(body: str, words: str) -> None:
    """What its sender quotes herself stays, and nothing is ever left without words."""
    assert without_quotation(ANSWER, body) == words


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"m.relates_to": "x"},
        {"m.relates_to": {"rel_type": "m.thread"}},
        {"m.relates_to": {"m.in_reply_to": "x"}},
    ],
)
def test_what_answers_nothing_is_left_as_it_is(content: dict[str, Any]) -> None:
    """Nobody loses words that look like a quotation."""
    assert without_quotation(content, f"{QUOTED}Sí") == f"{QUOTED}Sí"
