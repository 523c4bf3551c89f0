"""All certificates of a series in one file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta

import pikepdf
import pytest
from apiflask import APIFlask
from sqlalchemy import select

from lms.certificates import keys, numbers
from lms.certificates.actions import awards, bundles, changes
from lms.certificates.models import Certificate
from lms.certificates.pdf.check import check_pdf
from lms.certificates.queries import render_jobs
from lms.core.background import jobs
from lms.core.background.jobs import get_job
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from tests.certificates.conftest import Programme

Make = Callable[..., Programme]


@pytest.fixture
def issued(app: APIFlask, programme: Make, at: datetime) -> Programme:
    made = programme({"Ada / Lovelace": "aaa", ("Bo", "Бо"): "aaa", "Cy": "aaa"})
    with app.app_context():
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    return made


def asked(series_id: int, form: str, *, by: Actor, at: datetime) -> str:
    public_id = bundles.request_bundle(series_id, form, by=by, at=at).public_id
    assert bundles.request_bundle(series_id, form, by=by, at=at).public_id == public_id
    jobs.run_due()
    return public_id


def fetched(public_id: str, by: Actor) -> bytes:
    return files.find(bundles.fetch_bundle(public_id, by=by, at=clock.now())[0]) or b""


def test_a_zip_holds_every_signed_file(app: APIFlask, issued: Programme, administrator: Actor, at: datetime) -> None:
    with app.app_context():
        public_id = asked(issued.series_id, "zip", by=administrator, at=at)
        job = get_job(public_id, by=administrator)
        assert (job.done, job.total) == (6, 6)
        assert bundles.fetch_bundle(public_id, by=administrator, at=clock.now())[1] == "certificates-livestream.zip"
        rows = db.session.scalars(select(Certificate).order_by(Certificate.id)).all()
        with zipfile.ZipFile(io.BytesIO(fetched(public_id, administrator))) as archive:
            assert archive.testzip() is None
            shown = ["Ada Lovelace", "Bo", "Cy"]
            names = [f"{numbers.write(row.number)} {name}.pdf" for row, name in zip(rows, shown, strict=True)]
            assert archive.namelist() == names
            for name in names:
                check = check_pdf(archive.read(name), keys.trusted_certificates())
                assert (check.intact, check.ours, check.number) == (True, True, name[:24].strip())


def test_a_pdf_to_print_has_a_page_each(app: APIFlask, issued: Programme, administrator: Actor, at: datetime) -> None:
    with app.app_context():
        merged = fetched(asked(issued.series_id, "pdf", by=administrator, at=at), administrator)
    with pikepdf.open(io.BytesIO(merged)) as pdf:
        assert len(pdf.pages) == 3
        assert pdf.check_pdf_syntax() == []


def test_many_certificates_are_printed_from_several_pdfs(
    app: APIFlask, issued: Programme, administrator: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render_jobs, "CHUNK", 2)
    with app.app_context():
        public_id = asked(issued.series_id, "pdf", by=administrator, at=at)
        assert bundles.fetch_bundle(public_id, by=administrator, at=clock.now())[1] == "certificates-livestream.zip"
        with zipfile.ZipFile(io.BytesIO(fetched(public_id, administrator))) as archive:
            assert archive.namelist() == ["00001-00002.pdf", "00003-00003.pdf"]
            pages = [len(pikepdf.open(io.BytesIO(archive.read(name))).pages) for name in archive.namelist()]
    assert pages == [2, 1]


def test_only_administrators_and_only_what_there_is(
    app: APIFlask, issued: Programme, programme: Make, administrator: Actor, at: datetime
) -> None:
    with app.app_context():
        empty = programme({"Di": "---"}, slug="empty").series_id
        for role in (Role.REPORTER, Role.INSTRUCTOR, Role.FOCAL_POINT):
            other = Actor(person_id=1, roles=frozenset({role}))
            with pytest.raises(Forbidden):
                bundles.request_bundle(issued.series_id, "zip", by=other, at=at)
            with pytest.raises(Forbidden):
                bundles.fetch_bundle("x", by=other, at=at)
        with pytest.raises(Invalid):
            bundles.request_bundle(issued.series_id, "exe", by=administrator, at=at)
        with pytest.raises(Refused):
            bundles.request_bundle(empty, "zip", by=administrator, at=at)


def test_a_file_goes_after_a_day_and_with_whoever_withdraws(
    app: APIFlask, issued: Programme, administrator: Actor, at: datetime
) -> None:
    with app.app_context():
        first = asked(issued.series_id, "zip", by=administrator, at=at)
        assert bundles.drop_old_bundles(at=clock.now()) == 0
        with pytest.raises(NotFound):
            bundles.fetch_bundle(first, by=administrator, at=clock.now() + timedelta(days=1, minutes=1))
        assert bundles.drop_old_bundles(at=clock.now() + timedelta(days=1, minutes=1)) == 1
        second = asked(issued.series_id, "pdf", by=administrator, at=at)
        key, _name = bundles.fetch_bundle(second, by=administrator, at=clock.now())
        number = numbers.write(db.session.scalars(select(Certificate.number)).first() or "")
        changes.withdraw(number, by=administrator, at=at)
        assert files.find(key) is None
        with pytest.raises(NotFound):
            bundles.fetch_bundle(second, by=administrator, at=clock.now())
