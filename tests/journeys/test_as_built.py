"""What `make demo` builds and serves opens: one file of every kind, three at a time."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from apiflask import APIFlask

from tests.built import Answer, Demonstration, Reader

pytestmark = pytest.mark.xdist_group("as_built")

ADMIN, FOCAL_POINT, TRAINEE, VISITOR, API = "admin", "focal.ke", "trainee", "", "api"
HELD = "SELECT lecture_id FROM lecture_facts WHERE lecture_id IN (SELECT id FROM lecture WHERE state = 'held') LIMIT 1"
SERIES = "SELECT slug FROM series WHERE id = (SELECT series_id FROM award LIMIT 1)"
WITH_SEATS = "SELECT slug FROM series WHERE id = (SELECT series_id FROM seat_entry LIMIT 1)"
WITH_FEEDBACK = "SELECT slug FROM series JOIN feedback_answer ON series.id = feedback_answer.series_id LIMIT 1"
WITH_CHECKS = "SELECT slug FROM series WHERE id = (SELECT series_id FROM knowledge_check ORDER BY id LIMIT 1)"
NUMBER = (
    "SELECT number FROM certificate JOIN award ON award.id = award_id JOIN person_email USING (person_id) "
    "WHERE address = 'trainee@demo.test'"
)
KIND = {
    "csv": "text/csv", "pdf": "application/pdf", "png": "image/png", "svg": "image/svg+xml", "ics": "text/calendar",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml",
    "txt": "text/plain",
}  # fmt: skip
BEGINS = {"pdf": b"%PDF-", "png": b"\x89PNG", "xlsx": b"PK", "ics": b"BEGIN:VCALENDAR", "svg": b"<"}

FILES: dict[str, list[tuple[str, str, dict[str, str]]]] = {
    # endpoint: who opens it, its path, and the query of each part of the path
    "catalogue.lecture_ics": [(VISITOR, "/lectures/{id}.ics", {"id": HELD})],
    "certificates.badge": [(TRAINEE, "/certificates/{number}.png", {"number": NUMBER})],
    "certificates.badge_text": [(TRAINEE, "/certificates/{number}.jwt", {"number": NUMBER})],
    "certificates.download": [(TRAINEE, "/certificates/{number}.pdf", {"number": NUMBER})],
    "certificates.issue_file": [
        (ADMIN, f"/series/{{slug}}/certificates.{kind}", {"slug": SERIES}) for kind in ("csv", "xlsx")
    ],
    "certificates.jwks": [(VISITOR, "/.well-known/jwks.json", {})],
    "certificates_api.badge": [(API, "/api/v1/certificates/{number}.json", {"number": NUMBER})],
    "certificates_api.download": [(API, "/api/v1/certificates/{number}.pdf", {"number": NUMBER})],
    "checks.export_questions": [(ADMIN, "/series/{slug}/question-bank.gift", {"slug": WITH_CHECKS})],
    "checks.results_file": [
        (
            ADMIN,
            f"/series/{{slug}}/checks/{{id}}/results.{kind}",
            {"slug": WITH_CHECKS, "id": "SELECT id FROM knowledge_check ORDER BY id LIMIT 1"},
        )
        for kind in ("csv", "xlsx")
    ],
    "discussion.export": [(ADMIN, f"/lectures/{{id}}/questions.{kind}", {"id": HELD}) for kind in ("csv", "xlsx")],
    "discussion.export_polls": [(ADMIN, f"/lectures/{{id}}/polls.{kind}", {"id": HELD}) for kind in ("csv", "xlsx")],
    "enrolment.series_enrolments_file": [
        (ADMIN, f"/series/{{slug}}/enrolments.{kind}", {"slug": SERIES}) for kind in ("csv", "xlsx")
    ],
    "enrolment_questions.answers_file": [
        (ADMIN, f"/series/{{slug}}/answers.{kind}", {"slug": "SELECT 'digital-customs-for-officials'"})
        for kind in ("csv", "xlsx")
    ],
    "reports.series_feedback_paper": [(ADMIN, "/series/{slug}/feedback-results.pdf", {"slug": WITH_FEEDBACK})],
    "feedback.series_results_file": [
        (ADMIN, f"/series/{{slug}}/feedback-results.{kind}", {"slug": WITH_FEEDBACK}) for kind in ("csv", "xlsx")
    ],
    "reports.feedback_paper": [
        (
            ADMIN,
            "/lectures/{id}/feedback-results.pdf",
            {"id": "SELECT lecture_id FROM feedback_answer WHERE lecture_id IS NOT NULL LIMIT 1"},
        )
    ],
    "feedback.results_file": [
        (
            ADMIN,
            f"/lectures/{{id}}/feedback-results.{kind}",
            {"id": "SELECT lecture_id FROM feedback_answer WHERE lecture_id IS NOT NULL LIMIT 1"},
        )
        for kind in ("csv", "xlsx")
    ],
    "dashboards.admin_series_file": [(ADMIN, f"/admin/series.{kind}", {}) for kind in ("csv", "xlsx")],
    "dashboards.lecture_picture": [(VISITOR, "/lectures/{id}/picture.png", {"id": HELD})],
    "dashboards.series_picture": [(VISITOR, "/series/{slug}/picture.png", {"slug": SERIES})],
    "dashboards.site_picture": [(VISITOR, "/picture.png", {})],
    "dashboards.sitemap": [(VISITOR, "/sitemap.xml", {})],
    "enrolment.seats_file": [
        (ADMIN, f"/series/{{slug}}/seats.{kind}", {"slug": WITH_SEATS}) for kind in ("csv", "xlsx")
    ],
    "enrolment.series_calendar": [(VISITOR, "/series/{slug}/calendar.ics", {"slug": SERIES})],
    "nominations.admin_nominations_file": [(ADMIN, f"/admin/nominations.{kind}", {}) for kind in ("csv", "xlsx")],
    "nominations.listing_file": [(FOCAL_POINT, f"/country/nominations.{kind}", {}) for kind in ("csv", "xlsx")],
    "openapi.spec": [(VISITOR, "/api/v1/openapi.json", {})],
    "attendance.roster_file": [(ADMIN, f"/lectures/{{id}}/roster.{kind}", {"id": HELD}) for kind in ("csv", "xlsx")],
    "reports.dossier_file": [(FOCAL_POINT, f"/countries/KE.{kind}", {}) for kind in ("pdf", "csv", "xlsx")],
    "reports.download": [(ADMIN, f"/admin/reports.{kind}", {}) for kind in ("pdf", "csv", "xlsx", "json")],
    "dashboards.behind_file": [(FOCAL_POINT, f"/country/behind.{kind}", {}) for kind in ("csv", "xlsx")],
    "recordings.recordings_file": [(ADMIN, f"/admin/recordings.{kind}", {}) for kind in ("csv", "xlsx")],
    "reports.impact_csv": [(VISITOR, "/impact.csv", {})],
    "reports.lecture_file": [
        (ADMIN, f"/lectures/{{id}}/report.{kind}", {"id": HELD}) for kind in ("pdf", "csv", "xlsx")
    ],
    "reports.people_file": [(ADMIN, f"/admin/reports/people.{kind}", {}) for kind in ("csv", "xlsx")],
    "reports.rows_file": [(ADMIN, f"/admin/reports/opened/sessions.{kind}", {}) for kind in ("csv", "xlsx")],
    "reports.snapshot_file": [
        (VISITOR, f"/reports/{{id}}.{kind}", {"id": "SELECT public_id FROM snapshot"})
        for kind in ("pdf", "csv", "xlsx", "json")
    ],
    "dashboards.file_template": [(ADMIN, "/templates/people.xlsx", {})],
    "viewing_groups.groups_file": [
        (ADMIN, f"/lectures/{{id}}/groups.{kind}", {"id": "SELECT lecture_id FROM viewing_group"})
        for kind in ("csv", "xlsx")
    ],
    "viewing_groups.wall_code": [
        (ADMIN, "/groups/{id}/code.svg", {"id": "SELECT public_id FROM viewing_group ORDER BY id DESC"})
    ],
    "web.favicon": [(VISITOR, "/favicon.ico", {})],
    "web.robots": [(VISITOR, "/robots.txt", {})],
    "web.security_txt": [(VISITOR, "/.well-known/security.txt", {})],
    "web.webmanifest": [(VISITOR, "/site.webmanifest", {})],
    # Files whose address has no extension
    "certificates.jwk": [(VISITOR, "/certificates/keys/{kid}", {"kid": "SELECT kid FROM signing_key"})],
    "certificates.status_list": [(VISITOR, "/certificates/status/{list}", {"list": "SELECT number FROM status_list"})],
    "materials.file": [
        (
            ADMIN,
            "/lectures/{lecture}/files/{id}",
            {
                "lecture": "SELECT lecture_id FROM lecture_file WHERE kind = 'pdf'",
                "id": "SELECT public_id FROM lecture_file WHERE kind = 'pdf'",
            },
        )
    ],
    "nominations.letter": [
        (
            FOCAL_POINT,
            "/country/nominations/{id}/letter",
            {
                "id": "SELECT nomination.public_id FROM nomination JOIN country ON country.id = country_id "
                "WHERE code = 'KE' AND letter_name IS NOT NULL"
            },
        )
    ],
    "nominations_api.read_letter_file": [
        (
            API,
            "/api/v1/nominations/{id}/letter",
            {"id": "SELECT public_id FROM nomination WHERE letter_name LIKE '%.pdf'"},
        )
    ],
}
NOT_IN_THE_DEMONSTRATION = {
    "certificates.design_look": "of a design that is made first",
    "certificates.download_record": "of a record that is made first",
    "certificates_api.download_record": "of a record that is made first",
    "live.captions": "of a recording that a task makes first",
    "enrolment.own_calendar": "its secret address is on the account page",
    "live.snapshot": "its signed address is in the room",
    "nominations.file_preview_file": "of a file that is uploaded first",
    "people.second_factor_image": "of a second factor that is set up first",
    "reports.attached_dossier": "of a report with dossiers",
    "speakers.picture": "no speaker has a picture",
    "recordings.download": "a file that a task makes first",
    "static": "not a view",
}


def test_every_file_route_is_opened_here(app: APIFlask) -> None:
    with_extension = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and "." in re.sub(r"<[^>]*>", "x", rule.rule).rpartition("/")[2]
    }
    assert with_extension - FILES.keys() - NOT_IN_THE_DEMONSTRATION.keys() == set()
    assert NOT_IN_THE_DEMONSTRATION.keys() & FILES.keys() == set()


@pytest.mark.long
def test_every_kind_of_file_opens_while_others_are_made(as_built: Demonstration) -> None:
    readers: dict[str, Reader] = {
        VISITOR: as_built.visitor(), API: as_built.api(ADMIN),
        **{name: as_built.sign_in(name) for name in (ADMIN, FOCAL_POINT, TRAINEE)},
    }  # fmt: skip
    requests = [
        (who, path.format_map({name: as_built.value(question) for name, question in parts.items()}))
        for files in FILES.values()
        for who, path, parts in files
    ]

    def open_file(who: str, path: str) -> tuple[str, Answer | str]:
        try:
            return path, readers[who].get(path)
        except OSError as error:
            return path, repr(error)

    with ThreadPoolExecutor(3) as pool:
        answers = dict(pool.map(lambda file: open_file(*file), requests))
    wrong = {}
    for path, answer in answers.items():
        extension = path.rpartition("/")[2].rpartition(".")[2]
        kind, begin = KIND.get(extension), BEGINS.get(extension, b"")
        if isinstance(answer, str):
            wrong[path] = answer
        elif answer.status != 200 or answer.kind != (kind or answer.kind) or not answer.body.startswith(begin):
            wrong[path] = f"{answer.status} {answer.kind} {answer.body[:80]!r}"
        elif answer.kind == "text/html" or not answer.body:
            wrong[path] = "not a file"
    assert wrong == {}


@pytest.mark.long
def test_nothing_runs_beside_the_process_that_forks(as_built: Demonstration) -> None:
    assert len(os.listdir(f"/proc/{as_built.process.pid}/task")) == 1  # noqa: PTH208  numbers, no paths


@pytest.mark.long
def test_a_server_starts_without_libraries_that_few_requests_need(as_built: Demonstration) -> None:
    """Each of them takes a tenth of the start or more, for which people wait after a restart."""
    loaded = Path(f"/proc/{as_built.process.pid}/maps").read_text()
    assert "/sqlalchemy/" in loaded
    assert not [name for name in ("/aiohttp/", "/multidict/", "/yarl/") if name in loaded]
