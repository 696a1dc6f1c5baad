"""Passwords and tokens of addresses stand in no text that bench shows, logs or keeps."""

import base64
import logging
import subprocess
import sys
import warnings

import pytest

from bench.errors import BenchError, account, brief
from bench.redaction import redact_output, redacted

SECRET = "s3cr/t p@ss"
QUOTED = "s3cr%2Ft%20p%40ss"


@pytest.mark.parametrize(
    "text",
    [
        f"http://anna:{QUOTED}@127.0.0.1:9",
        "MLflow at postgresql+psycopg2://anna:s3cr/t@db:5432/runs: refused",
        "http%3A%2F%2Fanna%3As3cr%252Ft%40example.org%2Fapi",
        "https://ghp_s3cret@example.org/x",
        "Max retries exceeded with url: /api/runs?access_token=s3cret&page=2",
        "redirect=%2Fapi%3Faccess_token%3Ds3cret%26page",
        "s3://bucket/x?X-Amz-Signature=s3cret&X-Amz-Credential=s3cret",
        "{'Authorization': 'Basic s3cret=='}",
        "connection to server failed: password=s3cret host=db",
    ],
)
def test_secrets_of_addresses_are_hidden(text):
    assert "s3cr" not in redacted(text)
    assert "***" in redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000/#/experiments/1/runs?orderByKey=metrics.auroc&viewStateShareKey=bench",
        "--set KEY=VALUE: recipe.max_epochs=3",
        "anna@example.org asked for results/trials/pylon-nih-256px-s0",
        "10.0.0.1:6379: nothing answers there",
    ],
)
def test_other_words_stay(text):
    assert redacted(text) == text


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_URI", "RAY_ADDRESS", "https_proxy"])
@pytest.mark.parametrize(
    "quoted",
    [
        SECRET,
        QUOTED,
        "s3cr%2Ft+p%40ss",
        "s3cr%252Ft%2520p%2540ss",
        "s3cr/t\n   p@ss",
        base64.b64encode(f"anna:{SECRET}".encode()).decode(),
    ],
)
def test_secrets_of_the_environment_are_hidden_wherever_they_stand(monkeypatch, name, quoted):
    monkeypatch.setenv(name, f"http://anna:{QUOTED}@example.org:8080")
    assert redacted(f"could not log in with {quoted}, it says") == "could not log in with ***, it says"


def test_variables_that_are_secrets_are_hidden(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abcdef123")
    assert redacted("header abcdef123 refused") == "header *** refused"


def test_errors_logs_and_warnings_hide_them(caplog, recwarn):
    address = "http://anna:s3cret@example.org"
    error = ValueError(f"{'x' * 180} {address}")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger().addHandler(handler)
    plain = warnings.formatwarning
    try:
        redact_output()
        shown = [
            brief(error),
            account(error),
            str(BenchError(f"{address}: away")),
            handler.format(logging.makeLogRecord({"msg": "%s", "args": (address,)})),
            warnings.formatwarning(address, UserWarning, "a.py", 1),
        ]
    finally:
        logging.getLogger().removeHandler(handler)
        warnings.formatwarning, sys.excepthook = plain, sys.__excepthook__
    assert not [text for text in shown if "s3cret" in text]


def test_a_last_traceback_hides_them():
    script = (
        "from bench.redaction import redact_output; redact_output(); raise ValueError('http://a:s3cret@b')"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert "ValueError: http://***@b" in done.stderr
    assert "s3cret" not in done.stderr
