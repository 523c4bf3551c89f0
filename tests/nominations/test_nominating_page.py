"""The page on which a focal point nominates one person, and the letter that goes with it."""

from __future__ import annotations

import io
import re
import shutil
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import select
from werkzeug.test import TestResponse

from lms.catalogue.actions.translations import translate_series
from lms.core.base.roles import SYSTEM, Role
from lms.core.database.audit import AuditEntry
from lms.core.database.session import db
from lms.core.storage import files
from lms.core.time import clock
from lms.enrolment.quota_files import QuotaRow, StagedQuotas
from lms.enrolment.quotas import set_quotas
from lms.nominations.actions.nominating import submit_drafts, withdraw_nominations
from lms.nominations.models import Nomination
from lms.people.actions.privacy import erase_person
from tests.enrolment.conftest import Cast
from tests.factories import Make
from tests.forms import token_in
from tests.languages import offering
from tests.queries import statements
from tests.rows import each_row

PATH = "/country/nominations/new"
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj
trailer<</Root 1 0 R>>
%%EOF"""


class Desk:
    """A focal point of Kenya at the page."""

    def __init__(self, app: APIFlask, make: Make) -> None:
        self.app, self.make, self.cast = app, make, Cast(make, clock.now())
        self.client = app.test_client()
        person = make.person("Peter Mutua", "peter@people.test", roles=[("focal_point", "KE")])
        make.sign_in(self.client, person)
        with app.app_context():
            for slug in ("customs", "green"):
                self.cast.series(slug, title=f"About {slug}", admission="nomination")
                self.cast.lecture(slug)

    def post(self, do: str = "nominate", **form: Any) -> TestResponse:
        given = {"email": "rose@people.test", "full_name": "Rose Wanjiru", "series": ["customs"], "do": do, **form}
        return self.send(PATH, **given)

    def send(self, path: str, **form: Any) -> TestResponse:
        token = token_in(self.client.get("/account").text)
        return self.client.post(path, data={"csrf_token": token, **form}, content_type="multipart/form-data")

    def said(self) -> list[str]:
        with self.client.session_transaction() as session:
            return [message for _kind, message in session.pop("_flashes", [])]

    def states(self) -> list[tuple[str, str]]:
        with self.app.app_context():
            rows = db.session.scalars(select(Nomination).order_by(Nomination.series_id))
            return [(one.series.slug, one.state.value) for one in rows]

    def letters(self) -> list[str]:
        with self.app.app_context():
            folder = files.folder() / "nominations"
            return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


def test_series_are_offered_by_the_titles_that_the_reader_sees(desk: Desk) -> None:
    with desk.app.app_context():
        translate_series("customs", "fr", {"title": "Zones franches"}, by=SYSTEM, at=clock.now())
        translate_series("green", "fr", {"title": "Commerce vert"}, by=SYSTEM, at=clock.now())
    desk.post()
    desk.post(series=["green"])
    with offering(desk.app, "fr"):
        assert "Zones franches" in desk.client.get(f"{PATH}?lang=fr").text
        page = desk.client.get("/country/nominations?sort=series&lang=fr").text
        table = page[page.index("<tbody") :]
        assert 0 < table.index("Commerce vert") < table.index("Zones franches")
        choices = page[page.index('name="series"') :]
        assert choices.index("Commerce vert") < choices.index("Zones franches")


@pytest.fixture
def desk(app: APIFlask, make: Make) -> Desk:
    """A focal point's desk, without letters that tests before it left: tables are emptied, files are not."""
    with app.app_context():
        shutil.rmtree(files.folder() / "nominations", ignore_errors=True)
    return Desk(app, make)


def test_a_person_is_nominated_for_several_series_at_once(desk: Desk) -> None:
    page = desk.client.get(f"{PATH}?series=green").text
    assert re.search(r'checked[^>]*value="green"|value="green"[^>]*checked', page)
    assert desk.post(series=["customs", "green"]).status_code == 303
    assert desk.said() == ["Invited to “About customs”.", "Invited to “About green”."]
    assert desk.states() == [("customs", "invited"), ("green", "invited")]
    desk.post(series=["customs"])
    assert desk.said() == ["“About customs”: nominated already, nothing was changed."]


def test_beyond_the_quota_and_on_wish_a_nomination_is_a_draft(desk: Desk) -> None:
    with desk.app.app_context():
        admin = desk.cast.staff(Role.ADMINISTRATOR, "Zhou Anran")
        row = QuotaRow(1, "KE", 1, clock.now() + timedelta(days=5))
        set_quotas("customs", StagedQuotas([row], [], 1), by=admin, at=clock.now())
    assert "1 of 1 places left, kept until" in desk.client.get(PATH).text
    desk.post()
    assert "No place is left: the nomination is kept as a draft" in desk.client.get(PATH).text
    desk.said()
    desk.post(email="otieno@people.test", full_name="Otieno")
    assert desk.said() == ["“About customs”: no place is left. Kept as a draft until one is free."]
    desk.post("draft", email="chebet@people.test", full_name="Chebet", series=["green"])
    assert desk.said() == ["“About green”: kept as a draft."]
    assert sorted(desk.states()) == [("customs", "drafted"), ("customs", "invited"), ("green", "drafted")]


def test_a_series_that_asks_for_approval_says_so(desk: Desk) -> None:
    with desk.app.app_context():
        desk.cast.series("slow", title="About slow", admission="nomination", nominations_need_approval=True)
        desk.cast.lecture("slow")
    assert "The organiser decides before people are invited." in desk.client.get(PATH).text
    desk.post(series=["slow"])
    assert desk.said() == ["“About slow”: the organiser decides first."]


@each_row(
    "form, wrong",
    [
        ({"email": "rose"}, "email"),
        ({"full_name": ""}, "full_name"),
        ({"organisation": "x" * 300}, "organisation"),
        ({"series": []}, "series"),
        ({"series": ["customs", "nothing"]}, "series"),
        ({"letter": (io.BytesIO(b"MZ a program"), "letter.pdf")}, "letter"),
        ({"letter": (io.BytesIO(PDF), "letter.png")}, "letter"),
        ({"letter": (io.BytesIO(b"PK\x05\x06" + b"\0" * 18), "letter.zip")}, "letter"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(desk: Desk, form: dict[str, Any], wrong: str) -> None:
    answer = desk.post(**form)
    assert answer.status_code == 422
    assert f'href="#{wrong}' in answer.text
    assert (desk.states(), desk.letters()) == ([], [])


def test_who_is_enrolled_in_one_series_is_nominated_for_none(desk: Desk) -> None:
    person = desk.make.person("Rose Wanjiru", "rose@people.test")
    with desk.app.app_context():
        from lms.catalogue.queries.series import find_series
        from lms.enrolment.actions.places import enrol

        series = find_series("green")
        assert series is not None
        enrol(series.id, person.id, by=SYSTEM, at=clock.now())
    answer = desk.post(series=["customs", "green"], letter=(io.BytesIO(PDF), "letter.pdf"))
    assert answer.status_code == 422
    assert "“About green”: This person is already enrolled in this series." in answer.text
    assert (desk.states(), desk.letters()) == ([], [])


def test_only_people_of_the_own_country_are_shown(desk: Desk) -> None:
    desk.make.person("Rose Wanjiru Maina", "rose@people.test", organisation="Revenue Authority")
    desk.make.person("Chau Nguyen", "chau@people.test", country="VN", organisation="Customs of Viet Nam")
    own = desk.post("find", full_name="").text
    assert "Rose Wanjiru Maina" in own
    assert 'value="Revenue Authority"' in own

    selects: dict[str, list[str]] = {}
    pages: dict[str, str] = {}
    for address in ("chau@people.test", "nobody@people.test"):
        with statements(desk.app) as seen:
            page = desk.post("find", email=address, full_name="").text
        selects[address] = [statement for statement in seen if statement.startswith("SELECT")]
        pages[address] = re.sub(r"<!--.*?-->|value=\"[^\"]{60,}\"", "", page.replace(address, "address"), flags=re.S)
    one, other = pages.values()
    assert one == other
    assert selects["chau@people.test"] == selects["nobody@people.test"]


def test_a_letter_is_opened_by_the_country_and_administrators_and_goes_with_erasure(desk: Desk) -> None:
    person = desk.make.person("Rose Wanjiru", "rose@people.test")
    desk.post(series=["customs", "green"], letter=(io.BytesIO(PDF), "Letter of the ministry.pdf"))
    assert len(desk.letters()) == 2
    with desk.app.app_context():
        public_id = db.session.scalars(select(Nomination.public_id)).first()
    path = f"/country/nominations/{public_id}/letter"
    answer = desk.client.get(path)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, PDF, "application/pdf")
    assert "attachment; filename=Letter-of-the-ministry.pdf" in answer.headers["Content-Disposition"]

    def status_for(**who: Any) -> int:
        client = desk.app.test_client()
        desk.make.sign_in(client, desk.make.person(**who))
        return client.get(path).status_code

    assert status_for(roles=["administrator"]) == 200
    assert status_for(roles=[("focal_point", "TZ")], country="TZ") == 404
    assert status_for(roles=["reporter"]) == 403
    with desk.app.app_context():
        erase_person(
            person.public_id,
            confirmation="rose@people.test",
            withdraw_certificates=False,
            by=desk.make.administrator(),
            at=clock.now(),
        )
    assert desk.letters() == []
    assert desk.client.get(path).status_code == 404


def test_a_letter_is_added_replaced_and_removed_while_the_nomination_stands(desk: Desk) -> None:
    desk.post()
    with desk.app.app_context():
        public_id = db.session.scalars(select(Nomination.public_id)).one()
    page = f"/country/nominations/{public_id}"
    assert 'data-testid="keep-letter"' in desk.client.get(page).text

    def send(do: str = "keep", name: str = "letter.pdf", content: bytes = PDF) -> TestResponse:
        return desk.send(f"{page}/letter", do=do, letter=(io.BytesIO(content), name))

    refused = send(content=b"MZ a program")
    assert (refused.status_code, desk.letters()) == (422, [])
    assert 'href="#letter' in refused.text
    assert desk.send(f"{page}/letter", do="keep").status_code == 422
    assert send().status_code == 303
    first = desk.letters()
    assert send().status_code == 303
    assert desk.letters() == first, "the same letter again"
    assert send(content=PDF + b"\n", name="Better.pdf").status_code == 303
    assert len(desk.letters()) == 1
    assert desk.letters() != first
    assert "Better.pdf" in desk.client.get(page).text
    assert send("remove").status_code == 303
    assert desk.letters() == []
    with desk.app.app_context():
        verbs = db.session.scalars(select(AuditEntry.verb).where(AuditEntry.verb.like("nomination.%letter")))
        assert list(verbs) == ["nomination.add_letter", "nomination.replace_letter", "nomination.remove_letter"]
        withdraw_nominations([public_id], by=SYSTEM, at=clock.now())
    late = send()
    assert (late.status_code, desk.letters()) == (409, [])
    assert "This nomination has ended. Its letter cannot be changed." in late.text
    assert 'data-testid="keep-letter"' not in late.text


def test_a_letter_waits_for_no_scanner_that_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    config = desk.app.extensions["lms.config"]
    monkeypatch.setattr(config, "scanner", "clamd:///no-such-socket")
    answer = desk.post(letter=(io.BytesIO(PDF), "letter.pdf"))
    assert answer.status_code == 409
    assert "Letters cannot be checked for viruses now." in answer.text
    assert desk.states() == []


def test_a_draft_is_edited(desk: Desk) -> None:
    desk.post("draft")
    desk.post("draft", email="amos@people.test", full_name="Amos Kamau")
    with desk.app.app_context():
        public_id = db.session.scalars(select(Nomination.public_id).where(Nomination.full_name == "Rose Wanjiru")).one()
    page = f"/country/nominations/{public_id}"
    assert f'href="{page}/edit"' in desk.client.get(page).text
    shown = desk.client.get(f"{page}/edit").text
    assert 'value="Rose Wanjiru"' in shown
    assert 'value="rose@people.test"' in shown
    given = {"email": "rose@people.test", "full_name": "Rose Wanjiru Njeri", "organisation": "Port Authority"}
    assert desk.send(f"{page}/edit", **given).location == page
    assert "Rose Wanjiru Njeri" in desk.client.get(page).text
    taken = desk.send(f"{page}/edit", **given | {"email": "amos@people.test"})
    assert (taken.status_code, "This person is already nominated for this series." in taken.text) == (422, True)
    assert desk.send(f"{page}/edit", **given | {"full_name": ""}).status_code == 422
    assert desk.states() == [("customs", "drafted")] * 2
    with desk.app.app_context():
        submit_drafts([public_id], by=SYSTEM, at=clock.now())
    assert desk.send(f"{page}/edit", **given).location == page
    assert desk.client.get(f"{page}/edit").location == page
