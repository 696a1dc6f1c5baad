"""Errors of the operating system become sentences: where, what, and what helps; and hints are other words."""

import errno
import os
import pickle
import shutil
import unicodedata
import urllib.error
from pathlib import Path

import pytest

from bench.errors import SuiteError, account, as_text, explained, nearest
from bench.suite.document import SettingError

NUMBERS = [
    "EACCES EPERM EROFS ENOSPC EDQUOT EISDIR ELOOP ENAMETOOLONG EMFILE ENFILE EIO ESTALE ENOTCONN EHOSTDOWN"
]


@pytest.mark.parametrize("name", " ".join(NUMBERS).split())
def test_what_is_wrong_has_a_place_and_a_remedy(name):
    number = getattr(errno, name)
    sentence = explained(OSError(number, os.strerror(number), "/some/where"))
    place, _, rest = sentence.partition(": ")
    assert place == "/some/where"
    assert len(rest) > len(os.strerror(number)) or name == "EISDIR"
    assert "Errno" not in sentence


def test_of_two_files_the_one_that_was_to_be_is_named():
    error = OSError(errno.EACCES, "Permission denied", "/a/.x.partial", None, "/a/x")
    assert explained(error).startswith("/a/x: ")


def test_an_error_without_a_file_takes_the_place_that_is_given():
    assert explained(OSError(errno.EMFILE, "Too many open files"), Path("/a")).startswith("/a: ")
    assert explained(OSError(errno.ENOSPC, "No space left on device")).startswith("the disk is full")


def test_errors_of_libraries_and_unknown_numbers_say_what_they_have():
    assert explained(OSError("no such codec")) == "no such codec"
    assert explained(OSError(9999, "strange")) == "strange"
    assert explained(TimeoutError()) == "TimeoutError"
    assert explained(shutil.Error([("a", "b", "denied")]))
    assert "refused" in explained(urllib.error.URLError(ConnectionRefusedError("refused")))
    assert explained(OSError(errno.EBADF, "Bad file descriptor", 3)) == "Bad file descriptor"


def test_a_file_name_that_is_no_text_is_told_with_escapes():
    name = os.fsdecode(b"caf\xe9")
    assert as_text(account(FileNotFoundError(errno.ENOENT, "No such file", name))).startswith("caf\\udce9: ")
    account(ValueError(name)).encode("utf-8")


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


def test_an_error_of_another_signature_comes_from_another_process_too():
    error = pickle.loads(pickle.dumps(SettingError(("models", 0), "no such model", value="pilon")))
    assert (type(error), error.keys, error.value) == (SettingError, ("models", 0), "pilon")


def test_an_error_keeps_its_facts_and_says_them_in_one_sentence_also_from_another_process():
    error = SuiteError("no such model", place="mine.yaml:3:5", value="pilon", allowed=["pylon", "pan"])
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert type(one) is SuiteError
        assert (one.place, one.value, one.allowed) == ("mine.yaml:3:5", "pilon", ("pylon", "pan"))
        assert str(one) == "mine.yaml:3:5: no such model; allowed: pylon, pan; did you mean 'pylon'?"
