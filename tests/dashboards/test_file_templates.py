"""The template of each file that can be imported is read by its importer as it is, but for what is not so here."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from lms.attendance_imports.readers.child_process import parse_report as read_report
from lms.core.time import clock
from lms.core.time.durations import MINUTE_MS
from lms.dashboards.views.service import TEMPLATES
from lms.enrolment.quota_files import stage_quota_file
from lms.people.people_files import NOMINEE_COLUMNS, stage_people
from lms.reports.actions.opening_balances import stage_opening
from tests.factories import Make


@pytest.fixture
def reader(make: Make) -> FlaskClient:
    client = make.app.test_client()
    make.sign_in(client, make.person("Amina"))
    return client


def content_of(reader: FlaskClient, table: str) -> bytes:
    answer = reader.get(f"/templates/{table}.xlsx")
    assert answer.status_code == 200
    return answer.data


def test_each_template_is_read_without_a_fault(make: Make, reader: FlaskClient) -> None:
    assert reader.get("/templates/none.xlsx").status_code == 404
    files = {table: content_of(reader, table) for table in TEMPLATES}
    with make.app.app_context():
        people = stage_people(files["people"])
        nominees = stage_people(files["nominations"], known=NOMINEE_COLUMNS)
        quotas = stage_quota_file(files["quotas"], until=None, at=clock.now())
        opening = stage_opening(files["opening-balances"])
        report = read_report(files["attendance"])
    for staged in (people, nominees, quotas, opening):
        assert (staged.rejected, len(staged.rows)) == ([], 2)
    for known in (people, nominees):
        assert known.notes == []
        assert {row.full_name for row in known.rows} == {"First Example", "Second Example"}
        assert all(row.email.endswith("@example.org") for row in known.rows)
    assert [row.language for row in nominees.rows] == ["en", "fr"]
    assert opening.notes == []
    assert {draft.title for _line, draft in opening.rows} == {"Example lecture"}
    assert (report.format, report.rejected, report.not_read) == ("plain", [], [])
    spans = [(one.email, one.left_ms - one.joined_ms) for one in report.rows]
    assert spans == [
        ("first.example@example.org", 90 * MINUTE_MS),
        ("second.example@example.org", 65 * MINUTE_MS),
    ]


@pytest.mark.parametrize(("path", "table"), [("enrolments/import", "people"), ("quotas", "quotas")])
def test_the_template_is_beside_the_upload(make: Make, path: str, table: str) -> None:
    make.series("customs")
    client = make.app.test_client()
    make.sign_in(client, make.person("Boss", roles=["administrator"]))
    assert f'href="/templates/{table}.xlsx"' in client.get(f"/series/customs/{path}").text
