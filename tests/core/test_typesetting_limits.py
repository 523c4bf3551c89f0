"""A document that is never finished keeps nobody waiting, and is counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from apiflask import APIFlask
from structlog.testing import capture_logs

from lms.core.text import typesetting
from lms.core.text.typesetting import TypesettingTimeout, typeset
from lms.dashboards import cards
from tests.factories import Make

SENTENCE = "This file could not be prepared in time. Wait a minute and try again."
TEMPLATE = Path("letter.typ")


class Compiler:
    """Sets a document once it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def compile(self, **_options: object) -> bytes:
        """As typst's."""
        assert self.released.wait(30)
        return b"%PDF-"


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    """In place of typst's, with a limit of an instant; released at the end."""
    compiler = Compiler()
    monkeypatch.setattr(typesetting, "_compiler_of", lambda *_arguments: compiler)
    monkeypatch.setattr(typesetting, "LIMIT_SECONDS", 0.02)
    monkeypatch.setattr(typesetting, "_stuck", [])
    cards._drawn.cache_clear()
    yield compiler
    compiler.released.set()


def test_a_document_that_never_ends_frees_the_caller_and_the_next(compiler: Compiler) -> None:
    with capture_logs() as lines, pytest.raises(TypesettingTimeout, match=SENTENCE):
        typeset(TEMPLATE, {}, ())
    assert [(line["event"], line["template"], line["phase"]) for line in lines] == [
        ("typesetting took too long", "letter.typ", "setting the document")
    ]
    compiler.released.set()
    typesetting.LIMIT_SECONDS = 30
    assert typeset(TEMPLATE, {}, ()) == b"%PDF-"


def test_nobody_waits_longer_for_the_documents_before(compiler: Compiler) -> None:
    with typesetting._one_at_a_time, pytest.raises(TypesettingTimeout):
        typeset(TEMPLATE, {}, ())


def test_a_process_with_many_stuck_documents_begins_no_more(compiler: Compiler) -> None:
    for _turn in range(typesetting.MOST_STUCK + 3):
        with pytest.raises(TypesettingTimeout):
            typeset(TEMPLATE, {}, ())
    stuck = [thread for thread in threading.enumerate() if thread.name == "typesetting"]
    assert len(stuck) == typesetting.MOST_STUCK
    compiler.released.set()
    for thread in stuck:
        thread.join()
    assert typeset(TEMPLATE, {}, ()) == b"%PDF-"


def test_a_fault_of_the_typesetter_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typesetting, "_compiler_of", lambda *_arguments: nullcontext())
    with pytest.raises(AttributeError):
        typeset(TEMPLATE, {}, ())


def timeouts(app: APIFlask) -> float:
    """What /metrics counts."""
    lines = app.test_client().get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("serai_typesetting_timeouts_total ")).split()[1])


def test_a_file_that_takes_too_long_is_answered_503_as_a_page_and_as_a_problem(
    app: APIFlask, make: Make, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = timeouts(app)
    page = app.test_client().get("/picture.png")
    assert (page.status_code, page.headers["Retry-After"], page.mimetype) == (503, "60", "text/html")
    assert SENTENCE in page.text
    monkeypatch.setattr("lms.certificates.api.certificates.get_pdf", lambda *_a, **_k: typeset(TEMPLATE, {}, ()))
    token = make.token(make.person())
    problem = app.test_client().get("/api/v1/certificates/X.pdf", headers={"Authorization": f"Bearer {token}"})
    assert (problem.status_code, problem.headers["Retry-After"]) == (503, "60")
    assert problem.mimetype == "application/problem+json"
    assert problem.json is not None
    assert problem.json["detail"] == SENTENCE
    assert timeouts(app) == before + 2
