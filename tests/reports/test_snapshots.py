"""Published reports: frozen to the letter, compared with today, withdrawn, and never more than the reader may see."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import func, select, update

from lms.core.base.errors import Forbidden, Invalid, Refused
from lms.core.base.roles import ANONYMOUS, SYSTEM, Role
from lms.core.database.session import db
from lms.reports import snapshots as codec
from lms.reports.actions.public import refresh_public_figures
from lms.reports.actions.snapshots import Attached, publish_snapshot, withdraw_snapshot
from lms.reports.models import Snapshot, SnapshotVisibility
from lms.reports.queries.definitions import definitions
from lms.reports.queries.figures import FigureReport, count, count_several
from lms.reports.queries.snapshots import get_snapshot, list_dossiers, list_snapshots
from lms.reports.rules import Figures, Group, Slice
from tests.factories import Make
from tests.forms import token_in
from tests.languages import offering
from tests.paper import text_of
from tests.reports.world import World

NOON = datetime(2024, 5, 6, 4, 0, tzinfo=UTC)
REFRESHED = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
PUBLIC, STAFF = SnapshotVisibility.PUBLIC, SnapshotVisibility.STAFF


@pytest.fixture
def programme(app: APIFlask, world: World) -> dict[str, Any]:
    """2024: six people of KE, two each of UG and FR in one lecture, refreshed."""
    series = world.series("one")
    lecture = world.lecture(series, NOON)
    kenyans = [world.person("KE") for _n in range(6)]
    world.attend(lecture, *kenyans, *(world.person(code) for code in ["UG", "FR"] for _n in range(2)))
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=REFRESHED)
    return {"series": series, "lecture": lecture}


def publish(visibility: SnapshotVisibility = STAFF, *dims: str, slice_: Slice | None = None, **more: Any) -> str:
    given = {"place": "Beijing", "by": SYSTEM, "at": AT, **more}
    return publish_snapshot("The third quarter", visibility, slice_ or Slice(), dims, **given)


def staff(client: FlaskClient, make: Make, *roles: Any) -> FlaskClient:
    make.sign_in(client, make.person(roles=roles))
    return client


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_what_is_frozen_comes_back_to_the_letter(programme: dict[str, Any]) -> None:
    public_id = publish(STAFF, "country", "year", slice_=Slice(partner=False), figure="attendances")
    row = get_snapshot(public_id, by=SYSTEM)
    frozen = codec.thaw(row.content)

    slice_ = Slice(partner=False)
    now, rows, columns = count_several(slice_, [("country", "year"), ("country",), ("year",)], by=SYSTEM, at=AT)
    assert frozen.report == now
    assert [margin.groups for margin in frozen.margins] == [rows.groups, columns.groups]
    assert (frozen.title, frozen.figure, frozen.about) == ("The third quarter", "attendances", ["Other countries"])
    assert frozen.definitions == definitions("Beijing")
    assert codec.freeze(frozen) == row.content
    assert row.digest == hashlib.sha256(row.content.encode()).hexdigest()


@pytest.mark.usefixtures("context")
def test_later_corrections_change_nothing_that_was_published(programme: dict[str, Any], world: World) -> None:
    public_id = publish(STAFF, "country")
    before = get_snapshot(public_id, by=SYSTEM).content
    db.session.rollback()
    world.attend(programme["lecture"], world.person("UG"), world.person("PE"))

    row = get_snapshot(public_id, by=SYSTEM)
    frozen = codec.thaw(row.content)
    now = count(Slice(), ("country",), by=SYSTEM, at=AT)
    assert row.content == before
    changes = {one.figure: (one.then, one.now, one.change) for one in codec.of_totals(frozen.report, now)}
    assert changes["participants"] == (10, 12, 2)
    assert changes["countries"] == (3, 4, 1)
    assert changes["contact_hours"] == (10.0, 12.0, 2.0)
    assert changes["sessions"] == (1, 1, 0)
    groups = {(one.keys[0], one.figure): (one.then, one.now) for one in codec.of_groups(frozen.report, now)}
    assert groups == {
        ("UG", "participants"): (2, 3), ("UG", "attendances"): (2, 3), ("UG", "contact_hours"): (2.0, 3.0),
        ("PE", "sessions"): (0, 1), ("PE", "participants"): (0, 1), ("PE", "attendances"): (0, 1),
        ("PE", "countries"): (0, 1), ("PE", "contact_hours"): (0, 1.0),
    }  # fmt: skip


def test_groups_that_are_gone_or_were_folded() -> None:
    def report(*groups: Group) -> FigureReport:
        return FigureReport(AT, Slice(), ("country",), Figures(), list(groups), exact=True)

    kenya = Group(("KE",), ("Kenya",), Figures(participants=6))
    other = Group(("other",), ("Other groups combined",), Figures(participants=4), folded=True)
    uganda = Group(("UG",), ("Uganda",), Figures(participants=2))
    gone = codec.of_groups(report(kenya, uganda), report(kenya))
    assert [(one.labels, one.figure, one.then, one.now) for one in gone] == [(("Uganda",), "participants", 2, 0)]
    assert codec.of_groups(report(kenya, other), report(kenya, uganda)) == []


@pytest.mark.usefixtures("context")
def test_for_everybody_means_the_public_figures(programme: dict[str, Any], world: World) -> None:
    db.session.rollback()
    world.attend(programme["lecture"], world.person("KE"))  # after the refresh
    frozen = codec.thaw(get_snapshot(publish(PUBLIC, "country"), by=ANONYMOUS).content)
    assert (frozen.report.as_at, frozen.report.exact) == (REFRESHED, False)
    assert [(group.keys, group.figures.participants) for group in frozen.report.groups] == [
        (("KE",), 6),
        (("other",), 4),
    ]
    for slice_, dims in ((Slice(), ("country", "year")), (Slice(country="UG"), ()), (Slice(country="KE"), ("year",))):
        with pytest.raises(Forbidden):
            publish(PUBLIC, *dims, slice_=slice_)
    assert db.session.scalar(select(func.count()).select_from(Snapshot)) == 1


@pytest.mark.databases(differs=True)
@pytest.mark.usefixtures("context")
def test_the_same_publication_twice_is_one(programme: dict[str, Any]) -> None:
    first = publish(key="once")
    assert publish(key="once") == first
    others = {
        publish(key="twice"),
        publish(PUBLIC, key="once"),
        publish(STAFF, "year", key="once"),
        publish(),
        publish(),
    }
    assert len(others - {first}) == 5


@pytest.mark.usefixtures("context")
def test_only_administrators_publish_and_withdraw(programme: dict[str, Any], make: Make) -> None:
    public_id = publish()
    for roles in (["reporter"], ["instructor"], [("focal_point", "KE")]):
        by = make.actor(roles=roles)
        with pytest.raises(Forbidden):
            publish(by=by)
        with pytest.raises(Forbidden):
            withdraw_snapshot(public_id, reason="x", by=by, at=AT)


@pytest.mark.usefixtures("context")
def test_bad_publications_are_told(programme: dict[str, Any]) -> None:
    for title in ("", "\u200b", "x" * 201):
        with pytest.raises(Invalid):
            publish_snapshot(title, STAFF, Slice(), place="", by=SYSTEM, at=AT)
    with pytest.raises(Invalid):
        publish(figure="beauty")
    public_id = publish()
    with pytest.raises(Invalid):
        withdraw_snapshot(public_id, reason=" ", by=SYSTEM, at=AT)
    withdraw_snapshot(public_id, reason="A lecture was counted twice", by=SYSTEM, at=AT)
    with pytest.raises(Refused):
        withdraw_snapshot(public_id, reason="again", by=SYSTEM, at=AT)


def test_who_sees_which(app: APIFlask, client: FlaskClient, make: Make, programme: dict[str, Any]) -> None:
    with app.app_context():
        open_, closed, kenya = publish(PUBLIC), publish(STAFF), publish(STAFF, "year", slice_=Slice(country="KE"))
        uganda = publish(STAFF, slice_=Slice(country="UG"))
    everything = [open_, closed, kenya, uganda]

    def seen() -> list[int]:
        listed = client.get("/reports").text
        codes = [client.get(f"/reports/{public_id}").status_code for public_id in everything]
        assert [f'/reports/{public_id}"' in listed for public_id in everything] == [code == 200 for code in codes]
        return codes

    assert seen() == [200, 404, 404, 404]
    assert "Changes since publication" not in client.get(f"/reports/{open_}").text
    make.sign_in(client, make.person(roles=[("focal_point", "KE")]))
    assert seen() == [200, 404, 200, 404]
    assert "Changes since publication" in client.get(f"/reports/{kenya}").text
    assert "Changes since publication" not in client.get(f"/reports/{open_}").text
    make.sign_in(client, make.person(roles=["reporter"]))
    assert seen() == [200, 200, 200, 200]
    assert "Changes since publication" in client.get(f"/reports/{open_}").text
    assert "Withdraw this report" not in client.get(f"/reports/{open_}").text


def test_from_the_page_of_reports_to_a_frozen_one(
    client: FlaskClient, make: Make, world: World, programme: dict[str, Any]
) -> None:
    staff(client, make, "administrator")
    page = client.get("/admin/reports?figure=participants&rows=country&columns=year").text
    link = re.search(r'href="(/reports/new\?[^"]+)"', page)
    assert link is not None
    address = link[1].replace("&amp;", "&")
    form = client.get(address).text
    assert f'<form method="post" action="{link[1]}"' in form
    assert "Groups by Country × Year: 3" in " ".join(form.split())
    assert "This report cannot be public" in form
    token, key = (re.search(rf'name="{name}"[^>]*value="([^"]+)"', form) for name in ("csrf_token", "key"))
    assert token is not None
    assert key is not None
    sent = {"csrf_token": token[1], "key": key[1], "title": "Quarter <b>3</b>", "visibility": "public"}
    refused = client.post(address, data=sent)
    assert refused.status_code == 422
    assert "one dimension or one filter" in refused.text
    assert 'value="Quarter &lt;b&gt;3&lt;/b&gt;"' in refused.text
    assert client.post(address, data={**sent, "visibility": ""}).status_code == 422

    confirmation = " ".join(client.post(address, data={**sent, "visibility": "staff"}).text.split())
    assert "Publish “Quarter &lt;b&gt;3&lt;/b&gt;”?" in confirmation
    assert "This cannot be undone" in confirmation
    assert "Groups by Country × Year: 3" in confirmation
    assert "1 administrator or reporter can see these figures" in confirmation
    assert confirmation.index('data-testid="preview"') < confirmation.index(
        "Publish to 1 administrator or reporter</button>"
    )
    with client.application.app_context():
        assert list_snapshots(by=SYSTEM, limit=1, cursor=None) == []

    answers = [client.post(address, data={**sent, "visibility": "staff", "confirm": "yes"}) for _n in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    world.attend(programme["lecture"], world.person("UG"))
    page = client.get(answers[0].location).text
    assert "<b>10 participants</b> from " in page
    assert 'data-testid="since-participants" data-change="1"' in page
    assert page.index('<ol class="bars">') < page.index("Participants by Country × Year")
    assert "Attendances by Country × Year" in client.get(f"{answers[0].location}?figure=attendances").text
    assert "<b>3</b>" not in page


def test_publishing_to_everyone_shows_the_public_figures_and_asks_once_more(
    client: FlaskClient, make: Make, world: World, programme: dict[str, Any]
) -> None:
    world.attend(programme["lecture"], world.person("KE"))  # after the refresh
    staff(client, make, "administrator")
    address = "/reports/new?figure=participants&rows=country"
    page = client.get(address).text
    assert re.search(r'<input [^>]*checked[^>]*name="visibility"[^>]*value="staff">', page) is not None
    assert page.count(" checked ") == 1
    assert shown_in_preview(page) == {"Kenya": "7", "Uganda": "2", "France": "2"}
    token = token_in(page)
    sent = {"csrf_token": token, "key": "k", "title": "By country", "visibility": "public"}
    confirmation = client.post(address, data=sent).text
    assert shown_in_preview(confirmation) == {"Kenya": "6"}
    assert "The table also shows the other groups combined." in confirmation
    assert "Other groups combined" in confirmation
    assert "Publish to everyone</button>" in confirmation

    unseen = client.post(address, data={**sent, "confirm": "yes"})
    assert (unseen.status_code, "Check the preview, then tick the box." in unseen.text) == (422, True)
    assert "Publish to everyone</button>" in unseen.text
    assert client.get("/reports").text.count("By country") == 0
    published = client.post(address, data={**sent, "confirm": "yes", "checked": "y"})
    assert published.status_code == 303
    client.post("/sign-out", data={"csrf_token": token})
    assert shown_in_preview(client.get(published.location).text) == shown_in_preview(confirmation)


def test_a_report_on_one_country_is_published_to_its_focal_points(
    client: FlaskClient, make: Make, programme: dict[str, Any]
) -> None:
    staff(client, make, "administrator")
    make.person(roles=["administrator", "reporter"])  # one reader, though of two roles
    make.person(roles=["reporter"])
    make.person(roles=["instructor"])
    for code in ("KE", "KE", "UG"):
        make.person(roles=[("focal_point", code)])
    page = client.get("/reports/new?country=KE&rows=year").text
    assert "Administrators, reporters and the focal points of Kenya: exact current figures" in page
    assert re.search(r'<p class="hint" id="visibility-0-h">5 people</p>', page) is not None
    assert re.search(r'<p class="hint" id="visibility-0-h">3 people</p>', client.get("/reports/new").text) is not None
    sent = {"csrf_token": token_in(page), "key": "k", "title": "Kenya", "visibility": "staff"}
    confirmation = client.post("/reports/new?country=KE&rows=year", data=sent).text
    assert "Publish to 5 administrators, reporters and focal points of Kenya</button>" in confirmation


def test_a_note_for_readers_is_previewed_frozen_and_on_every_file(
    client: FlaskClient, make: Make, programme: dict[str, Any]
) -> None:
    staff(client, make, "administrator")
    address = "/reports/new?figure=participants&rows=country"
    sent = {
        "csrf_token": token_in(client.get(address).text),
        "key": "k",
        "title": "Review",
        "visibility": "staff",
        "note": "x" * 501,
    }
    refused = client.post(address, data=sent)
    assert (refused.status_code, "Use at most 500 characters." in refused.text) == (422, True)
    untitled = client.post(address, data={**sent, "title": " ", "note": ""})
    assert (untitled.status_code, "Enter 1 to 200 characters." in untitled.text) == (422, True)

    sent["note"] = "For the <annual> review.\r\n\r\nAsk Ms Zhou."
    shown = [
        '<p dir="auto" data-testid="reader-note">For the &lt;annual&gt; review.</p>',
        '<p dir="auto" data-testid="reader-note">Ask Ms Zhou.</p>',
    ]
    confirmation = client.post(address, data=sent).text
    assert all(line in confirmation for line in shown)
    published = client.post(address, data={**sent, "confirm": "yes"}).location
    page = client.get(published).text
    assert all(line in page for line in shown)
    assert client.get(f"{published}.json").get_json()["note"] == "For the <annual> review.\n\nAsk Ms Zhou."
    book = CalamineWorkbook.from_filelike(io.BytesIO(client.get(f"{published}.xlsx").data))
    assert ["Note", "For the <annual> review.\n\nAsk Ms Zhou.", ""] in book.get_sheet_by_name("About").to_python()
    assert "For the <annual> review." in text_of(client.get(f"{published}.pdf").data)
    other = client.post(address, data={**sent, "note": "Another", "confirm": "yes"}).location
    assert other != published  # the form sent again with another note is another publication


def test_a_report_frozen_before_there_were_notes_has_none(app: APIFlask, programme: dict[str, Any]) -> None:
    with app.app_context():
        frozen = json.loads(get_snapshot(publish(), by=SYSTEM).content)
    del frozen["note"]
    assert codec.thaw(json.dumps(frozen)).note == ""


def shown_in_preview(page: str) -> dict[str, str]:
    """The bars of a report by country."""
    bars = page[page.index('<ol class="bars">') :]
    return dict(re.findall(r"<li><span>([^<]+)</span>.*?<b>([^<]+)</b>", bars[: bars.index("</ol>")], re.DOTALL))


def test_as_files(app: APIFlask, client: FlaskClient, programme: dict[str, Any]) -> None:
    with app.app_context():
        public_id = publish(PUBLIC, "country")
    page = client.get(f"/reports/{public_id}").text
    answer = client.get(f"/reports/{public_id}.json")
    digest = hashlib.sha256(answer.data).hexdigest()
    assert f'data-testid="checksum">{digest}<' in page
    assert answer.get_json()["totals"]["participants"] == 10
    assert f'filename="report-{public_id}-2026-11-24.json"' in answer.headers["Content-Disposition"]
    lines = client.get(f"/reports/{public_id}.csv").get_data().decode("utf-8-sig").splitlines()
    kenya = next(csv.DictReader(lines))
    assert (kenya["country"], kenya["country_name"]) == ("KE", "Kenya")
    assert (kenya["sessions"], kenya["participants"], kenya["attendances"], kenya["countries"]) == ("1", "6", "6", "1")
    book = CalamineWorkbook.from_filelike(io.BytesIO(client.get(f"/reports/{public_id}.xlsx").data))
    about = book.get_sheet_by_name("About").to_python()
    assert about[:2] == [["What", "Value", "Meaning"], ["Title", "The third quarter", ""]]
    assert about[3][1] == digest
    assert client.get(f"/reports/{public_id}.doc").status_code == 404


def test_a_withdrawn_one_says_so_and_no_more(
    app: APIFlask, client: FlaskClient, make: Make, programme: dict[str, Any]
) -> None:
    with app.app_context():
        public_id = publish(PUBLIC, "country")
        digest = get_snapshot(public_id, by=ANONYMOUS).digest
    make.sign_in(client, make.person(roles=["administrator"]))
    token = token_in(client.get(f"/reports/{public_id}").text)
    address = f"/reports/{public_id}/withdraw"
    assert client.post(address, data={"csrf_token": token, "reason": ""}).status_code == 422
    assert client.post(address, data={"csrf_token": token, "reason": "Counted <i>twice</i>"}).status_code == 303
    page = client.get(f"/reports/{public_id}").text
    assert "This report was withdrawn" in page
    assert "10 participants" in page
    public = app.test_client()
    page = public.get(f"/reports/{public_id}").text
    assert "Counted &lt;i&gt;twice&lt;/i&gt;" in page
    assert "participants" not in page
    assert digest in page
    assert "Withdrawn" in public.get("/reports").text
    assert [public.get(f"/reports/{public_id}.{kind}").status_code for kind in ("csv", "json", "xlsx")] == [404] * 3
    payload = public.get(f"/api/v1/reports/{public_id}").get_json()
    assert (payload["state"], payload["reason"]) == ("withdrawn", "Counted <i>twice</i>")
    assert "totals" not in payload


def test_in_another_language_names_keep_theirs(app: APIFlask, client: FlaskClient, programme: dict[str, Any]) -> None:
    with app.app_context():
        public_id = publish(PUBLIC, "country")
    with offering(app, "ar"):
        page = client.get(f"/reports/{public_id}?lang=ar").text
    assert '<html lang="ar" dir="rtl">' in page
    assert '<bdi lang="en" dir="ltr">Kenya</bdi>' in page


def test_over_the_api(client: FlaskClient, make: Make, programme: dict[str, Any], world: World) -> None:
    headers = {"Authorization": f"Bearer {make.token(make.person(roles=['administrator']))}"}
    wish: dict[str, Any] = {"title": "By country", "visibility": "public", "by": ["country"], "figure": "countries"}
    wish["note"] = "For the review."
    made = client.post("/api/v1/reports", json=wish, headers={**headers, "Idempotency-Key": "k"})
    assert made.status_code == 201
    payload = made.get_json()
    again = client.post("/api/v1/reports", json=wish, headers={**headers, "Idempotency-Key": "k"})
    assert again.get_json() == payload
    assert payload["question"] == {
        "figure": "countries", "by": ["country"], "from": None, "to": None, "series": None, "country": None,
        "region": None, "partner": None, "sector": None, "gender": None, "language": None, "source": None,
    }  # fmt: skip
    assert (payload["exact"], payload["totals"]["participants"], payload["note"]) == (False, 10, "For the review.")
    world.attend(programme["lecture"], world.person("KE"))
    since = client.get(f"/api/v1/reports/{payload['id']}", headers=headers).get_json()["since"]
    assert next(one for one in since["totals"] if one["figure"] == "participants")["difference"] == 1
    assert [(one["key"], one["figure"]) for one in since["groups"]] == [
        ("KE", "participants"), ("KE", "attendances"), ("KE", "contact_hours"),
    ]  # fmt: skip
    public = client.get(f"/api/v1/reports/{payload['id']}").get_json()
    assert public["since"] is None
    assert public["totals"] == payload["totals"]
    listed = client.get("/api/v1/reports").get_json()
    assert [one["id"] for one in listed["items"]] == [payload["id"]]
    frozen_text = client.get(f"{payload['url']}.json").data
    assert hashlib.sha256(frozen_text).hexdigest() == payload["checksum"]
    assert json.loads(frozen_text)["title"] == "By country"
    for wrong, status in (
        ({**wish, "by": ["country", "country"]}, 422),
        ({**wish, "by": ["planet"]}, 422),
        ({**wish, "by": ["country", "year"]}, 403),
        ({**wish, "series": "nowhere"}, 404),
        ({**wish, "from": "2025-01-01", "to": "2024-01-01"}, 422),
        ({**wish, "title": ""}, 422),
        ({**wish, "note": "x" * 501}, 422),
        ({"title": "x"}, 422),
    ):
        assert client.post("/api/v1/reports", json=wrong, headers=headers).status_code == status, wrong
    end = f"/api/v1/reports/{payload['id']}/withdraw"
    assert client.post(end, json={"reason": "no"}, headers=headers).get_json()["state"] == "withdrawn"
    assert client.post(end, json={"reason": "no"}, headers=headers).status_code == 409


def test_a_series_that_is_gone_does_not_take_its_report_along(
    app: APIFlask, client: FlaskClient, make: Make, programme: dict[str, Any], world: World
) -> None:
    from lms.catalogue.models import Series

    with app.app_context():
        public_id = publish(STAFF, slice_=Slice(series="one"))
    world.execute(update(Series).values(slug="another"))
    staff(client, make, "reporter")
    page = client.get(f"/reports/{public_id}")
    assert page.status_code == 200
    assert "This report can no longer be recounted" in page.text


def test_nothing_published_says_what_to_do(client: FlaskClient, make: Make, world: World) -> None:
    assert "Current figures are on the impact page." in client.get("/reports").text
    staff(client, make, "administrator")
    assert "Create a report" in client.get("/reports").text


def test_reports_are_paged(app: APIFlask, client: FlaskClient, world: World) -> None:
    with app.app_context():
        for _n in range(51):
            publish(PUBLIC)
    first = client.get("/reports").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    assert (first.count('<th scope="row">'), client.get(following[1]).text.count('<th scope="row">')) == (50, 1)
    assert client.get("/reports?cursor=x").status_code == 422


@pytest.mark.databases
def test_a_dossier_goes_with_a_report_to_staff_and_the_own_focal_point(
    app: APIFlask, client: FlaskClient, make: Make, programme: dict[str, Any]
) -> None:
    with app.app_context():
        refresh_public_figures(by=SYSTEM, at=REFRESHED)
        figures = Figures(participants=1)
        dossiers = [Attached(code, f"Dossier of {code}", f"%PDF-1.7 {code}".encode(), figures) for code in ("KE", "UG")]
        first, again = (publish(PUBLIC, attached=dossiers, key="once") for _n in range(2))
        digests = [row.digest for row in list_dossiers(get_snapshot(first, by=SYSTEM), by=SYSTEM)]
    assert first == again
    assert digests == [hashlib.sha256(f"%PDF-1.7 {code}".encode()).hexdigest() for code in ("KE", "UG")]
    addresses = [f"/reports/{first}/dossiers/{digest}.pdf" for digest in digests]

    def offered() -> int:
        page = client.get(f"/reports/{first}")
        assert page.status_code == 200
        return page.text.count('data-testid="dossier"')

    assert offered() == 0
    assert [client.get(address).status_code for address in addresses] == [302, 302]
    make.sign_in(client, make.person(country="KE", roles=[Role.FOCAL_POINT]))
    assert offered() == 1
    assert [client.get(address).status_code for address in addresses] == [200, 404]
    staff(client, make, Role.REPORTER)
    assert offered() == 2
    assert [client.get(address).data for address in addresses] == [b"%PDF-1.7 KE", b"%PDF-1.7 UG"]
    assert client.get(f"/reports/{first}/dossiers/{'0' * 64}.pdf").status_code == 404


def test_the_page_attaches_the_dossier_of_a_country_and_gives_the_report_on_paper(
    client: FlaskClient, make: Make, programme: dict[str, Any]
) -> None:
    staff(client, make, Role.ADMINISTRATOR)
    question = "?from=2024-04-01&to=2024-06-30&rows=country"
    token = token_in(client.get(f"/reports/new{question}").text)
    form = {"title": "Second quarter 2024", "visibility": "staff", "dossier": "KE", "key": "once"}
    form |= {"csrf_token": token, "confirm": "yes"}
    answer = client.post(f"/reports/new{question}", data=form)
    assert answer.status_code == 303, answer.text
    page = client.get(answer.location).text
    address = re.search(r'href="(/reports/[0-9a-f]+/dossiers/([0-9a-f]{64})\.pdf)"', page)
    assert address is not None
    dossier = client.get(address[1])
    assert dossier.content_type == "application/pdf"
    assert hashlib.sha256(dossier.data).hexdigest() == address[2]
    assert dossier.data.startswith(b"%PDF-")
    assert "no-store" in dossier.headers["Cache-Control"]

    paper = client.get(f"{answer.location}.pdf")
    assert (paper.status_code, paper.content_type) == (200, "application/pdf")
    assert paper.data.startswith(b"%PDF-")

    form["dossier"] = "ZZ"
    assert client.post(f"/reports/new{question}", data={**form, "key": "twice"}).status_code == 422
