"""Hides passwords and tokens of addresses and of the environment.

Libraries quote addresses in their errors: of MLflow's server, of databases, Ray or proxies. Every error that
bench prints, logs or stores passes through `redacted`.
"""

import base64
import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"

_WORD = r"[\w.-]*(?:token|passw(?:or)?d|secret|credential|signature)[\w.-]*"
_KEY = rf"(?:{_WORD}|(?:[\w.-]*[_.-])?(?:key|apikey|pwd|pass|sig|auth))"
_VALUE = r"[^&\s'\"<>#;,)}\]]"

_USER = re.compile(r"(?<=://)(?:[^\s/?#'\"<>]*|[^\s:/?#'\"<>]*:[^\s'\"<>]*)(?=@)")
"""User and password before the host, even if the password has characters that should be escaped."""

_QUERY = re.compile(rf"(?<=[?&;])({_KEY})=({_VALUE}+)", re.IGNORECASE)

_HIDE = (
    (_USER, HIDDEN),
    (_QUERY, rf"\1={HIDDEN}"),
    (re.compile(r"(?<=%3A%2F%2F)(?:(?!%2F|%3F|%23)[^\s'\"<>&])*(?=%40)", re.IGNORECASE), HIDDEN),
    (re.compile(rf"((?:%3F|%26){_KEY}%3D)(?:(?!%26|%23){_VALUE})+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"((?:^|[\s'\"({{]){_WORD}['\"]?\s?[=:]\s?['\"]?){_VALUE}+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(authorization['\"]?\s*[:=]\s*['\"]?(?:\w+\s+)?)[^\s'\"]+", re.IGNORECASE), rf"\1{HIDDEN}"),
)

_SECRET_VARIABLE = re.compile(r"(?:TOKEN|PASSWORD|PASSWD|SECRET|SECRET_ACCESS_KEY|API_KEY)$")
"""Variables of the environment whose whole value is a secret."""

_SHORTEST = 4
"""Characters: a shorter secret is hidden only within an address, since it may be part of any word."""


def redacted(text: str) -> str:
    """Returns the text with secrets hidden: those of addresses, and those that the environment holds.

    The latter also where they stand alone, escaped as in addresses, or broken over lines.
    """
    for pattern, hidden in _HIDE:
        text = pattern.sub(hidden, text)
    for secret in sorted(set(_known_secrets()), key=len, reverse=True):
        text = re.sub(r"\s*".join(map(re.escape, secret)), HIDDEN, text)
    return text


def redact_output() -> None:
    """Makes logs, warnings and the last traceback of this process hide secrets too."""
    for handler in logging.getLogger().handlers:
        if handler.formatter is not None and not isinstance(handler.formatter, _Redacting):
            handler.setFormatter(_Redacting(handler.formatter))
    warnings.formatwarning = _format_warning
    sys.excepthook = _print_traceback


class _Redacting(logging.Formatter):
    """Formats as another one does, without secrets."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        return redacted(self._inner.format(record))


_plain_warning = warnings.formatwarning


def _format_warning(*arguments: Any, **named: Any) -> str:
    return redacted(_plain_warning(*arguments, **named))


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    print(redacted("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)


def _known_secrets() -> Iterator[str]:
    """Yields the secrets of the environment, in the forms in which they may be quoted."""
    for name, value in os.environ.items():
        found = [value] if _SECRET_VARIABLE.search(name) else []
        for users in _USER.findall(value):
            user, is_pair, password = users.partition(":")
            found.append(password if is_pair else user)
            yield base64.b64encode(unquote(users).encode()).decode()
        found += [match[1] for match in _QUERY.findall(value)]
        for secret in found:
            plain = unquote(secret)
            escaped = quote(plain, safe="")
            for form in (secret, plain, escaped, quote(escaped), quote_plus(plain), repr(plain)[1:-1]):
                if len(form) >= _SHORTEST:
                    yield form
