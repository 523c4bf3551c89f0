"""A public series promises the certificate that it will give: lectures that are planned as drafts count."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from lms.catalogue.models import CertificateKind, Lecture, LectureState
from lms.core.database.session import db
from lms.core.time import clock
from tests.factories import Make


def promise(text: str) -> str:
    """What the page says about earning the certificate."""
    found = re.search(r'data-testid="earnable"[^>]*>(.*?)</p>', text, re.S)
    assert found is not None
    return " ".join(found[1].split())


@pytest.mark.parametrize("dated", [True, False])
def test_publishing_drafts_raises_no_requirement(make: Make, dated: bool) -> None:
    soon = clock.now() + timedelta(days=3)
    series = make.series("customs", policy={"certificate": CertificateKind.COMPLETION})
    make.lecture(series, starts_at=soon)
    for day in range(1, 4):
        starts = {"starts_at": soon + timedelta(days=day)} if dated else {"starts_at": None}
        make.lecture(series, title=f"Secret {day}", state="draft", **starts)
    stranger = make.app.test_client()
    page = stranger.get("/series/customs").text
    assert "Secret" not in page
    if not dated:
        assert promise(page) == (
            "1 lecture remains, and the certificate needs 1. More lectures will be announced, so the number that is "
            "needed can still grow."
        )
        return
    assert promise(page) == "4 lectures remain, and the certificate needs 3. 3 lectures have not been announced yet."
    with make.app.app_context():
        for lecture in db.session.query(Lecture):
            lecture.state = LectureState.SCHEDULED
        db.session.commit()
    assert promise(stranger.get("/series/customs").text) == "4 lectures remain, and the certificate needs 3."
