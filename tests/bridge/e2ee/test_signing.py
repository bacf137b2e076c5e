"""Signed JSON."""

import vodozemac
from hypothesis import given
from hypothesis import strategies as st

from bridge.e2ee.signing import is_signed_by, signed

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _verifies(value, key: vodozemac.Account) -> bool:
    return is_signed_by(value, user_id="@a:b", key_id="D", public_key=key.ed25519_key.to_base64())


def _sign(value, key: vodozemac.Account):
    return signed(value, user_id="@a:b", key_id="D", sign=lambda message: key.sign(message).to_base64())


@given(st.dictionaries(st.sampled_from("abc"), _json))
def test_what_was_signed_verifies_and_nothing_else_does(value):
    """A signature holds for the value in any order, ignores `unsigned`, and breaks with any change."""
    key = vodozemac.Account()
    good = _sign(value, key)
    assert _verifies(dict(reversed(good.items())), key)
    assert _verifies({**good, "unsigned": {"age": 1}}, key)
    assert not _verifies({**good, "d": 1}, key)
    assert not _verifies(good, vodozemac.Account())


def test_signatures_add_up():
    """A second signature keeps the first valid."""
    first, second = vodozemac.Account(), vodozemac.Account()
    value = _sign({"a": 1}, first)
    both = signed(value, user_id="@a:b", key_id="E", sign=lambda message: second.sign(message).to_base64())
    assert _verifies(both, first)
    assert is_signed_by(both, user_id="@a:b", key_id="E", public_key=second.ed25519_key.to_base64())


@given(_json, _json)
def test_rubbish_is_not_signed(value, signature):
    """Whatever stands where a signature should be, the answer is no, never an error."""
    key = vodozemac.Account()
    for rubbish in (value, {"signatures": signature}, {"signatures": {"@a:b": {"ed25519:D": signature}}}):
        assert not _verifies(rubbish, key)


def test_what_json_cannot_say_is_not_signed():
    """Lone surrogates, infinities and bottomless nesting are refused."""
    key = vodozemac.Account()
    deep: dict = {}
    for _ in range(100_000):
        deep = {"a": deep}
    good = _sign({}, key)["signatures"]
    for odd in ("\ud800", float("inf"), deep):
        assert not _verifies({"odd": odd, "signatures": good}, key)
    assert not is_signed_by(_sign({}, key), user_id="@a:b", key_id="D", public_key="no key")
