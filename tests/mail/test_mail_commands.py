"""The commands that send an e-mail at once: no database, no worker, and what is wrong in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from click.testing import CliRunner, Result

from lms.cli.main import lms
from tests.mail_sink import Sink
from tests.ports import free_port


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that is not there."""
    monkeypatch.setenv("LMS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LMS_MAIL_FROM", "Lectures <no-reply@lectures.example>")
    return tmp_path / "data"


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    monkeypatch.setenv("LMS_MAIL_URL", f"smtp://127.0.0.1:{controller.port}")
    yield sink
    controller.stop()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(lms, ["mail", *arguments])


def test_a_test_goes_out_at_once(sink: Sink, data: Path) -> None:
    answer = run("test", "you@ministry.example")
    assert (answer.exit_code, answer.stdout) == (0, "The mail server took the e-mail to you@ministry.example.\n")
    (message,) = sink.messages
    assert (message["From"], message["To"]) == ("Lectures <no-reply@lectures.example>", "you@ministry.example")
    assert "E-mail from Serai reaches you." in message.get_content()
    assert not data.exists()


def test_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv("LMS_MAIL_URL", "smtp://127.0.0.1:1")
    away = run("test", "you@ministry.example")
    assert (away.exit_code, away.stderr) == (
        1,
        "Error: the e-mail was not sent: Connection refused\n",
    )
    assert run("test", "you and me").stderr == "Error: you and me is no e-mail address\n"
    monkeypatch.delenv("LMS_MAIL_URL")
    assert run("test", "you@ministry.example").stdout == f"The e-mail was written to {data / 'mail'}.\n"
    assert len(list((data / "mail").glob("*.eml"))) == 1


def test_the_operator_is_told_of_a_service_that_failed(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = run("failure", "serai.service")
    assert (nobody.exit_code, nobody.stderr) == (0, "LMS_OPERATOR is empty: no one is told.\n")
    assert sink.messages == []
    monkeypatch.setenv("LMS_OPERATOR", "operator@ministry.example")
    assert run("failure", "serai.service").exit_code == 0
    (message,) = sink.messages
    assert (message["To"], message["Subject"].startswith("serai.service failed on ")) == (
        "operator@ministry.example",
        True,
    )
    assert "journalctl -u serai.service" in message.get_content()
