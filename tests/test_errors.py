"""Hints: the allowed word that was meant, where there is one."""

import unicodedata

import pytest

from bench.errors import nearest


@pytest.mark.parametrize(
    ("word", "allowed", "meant"),
    [
        ("pilon", ["pylon", "unet"], "'pylon'"),
        ("PYLON", ["pylon"], "'pylon'"),
        ("zzz", ["pylon"], None),
        ("pylon", ["pylon", "pylons"], None),  # it is allowed: something else is wrong
        ("pylon", {"Pylon": 1, "pylon": 2}, None),
        ("", ["a"], None),
    ],
)
def test_a_hint_is_another_word_than_what_came(word, allowed, meant):
    hint = nearest(word, allowed)
    assert (meant in hint) if meant else hint == ""


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_word_that_only_looks_the_same_is_spelt_out(form):
    other = "NFD" if form == "NFC" else "NFC"
    came, allowed = (unicodedata.normalize(one, "Jürgen") for one in (form, other))
    hint = nearest(came, [allowed])
    assert hint.isascii()
    assert ascii(allowed) in hint
