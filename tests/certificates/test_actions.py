from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from lms.catalogue.models import CertificateKind, Lecture, Policy, Series
from lms.certificates import numbers
from lms.certificates.actions import awards, changes
from lms.certificates.eligibility import Missing
from lms.certificates.models import Award, Certificate, CertificateState
from lms.certificates.pdf import store, typesetting
from lms.certificates.queries import certificates, eligibility
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.core.background.jobs import Job, JobState, get_job, run_due
from lms.core.base.errors import Forbidden, Invalid, NotFound, Refused
from lms.core.base.events import PeopleMerged, PersonErased, PersonExportAsked, PersonNameCorrected, publish
from lms.core.base.roles import ANONYMOUS, SYSTEM, Actor, Role
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.enrolment.models import EnrolmentStatus
from lms.mail.outbox import OutboxMail, post_mail
from lms.mail.sending import send_due
from lms.people.models import Person
from tests.certificates.conftest import Programme

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]
Make = Callable[..., Programme]


def rows() -> list[Certificate]:
    db.session.expire_all()
    return list(db.session.scalars(select(Certificate).order_by(Certificate.id)))


def number_of(name: str) -> str:
    query = select(Certificate.number).where(Certificate.name == name).order_by(Certificate.id.desc())
    return numbers.write(db.session.scalars(query).first() or "")


def test_what_is_earned_is_issued_once(programme: Make, at: datetime) -> None:
    made = programme({"Ada Obi": "aa-", "Suharto": "a--", "Nino": "aax", "Ana": "app", "Bo": "---"})
    first = awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert first == {"issued": 2, "already_issued": 0, "not_earned": 3, "refused": []}
    again = awards.issue_certificates(made.series_id, by=SYSTEM, at=at + timedelta(days=1))
    assert again == {"issued": 0, "already_issued": 2, "not_earned": 3, "refused": []}
    assert [row.name for row in rows()] == ["Ada Obi", "Nino"]


def test_a_certificate_freezes_all_that_stands_on_it(programme: Make, at: datetime) -> None:
    made = programme({("Fatima Zahra Benali", "فاطمة الزهراء بن علي"): "a-a"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    db.session.get_one(Person, made.people["Fatima Zahra Benali"]).full_name = "Somebody Else"
    db.session.get_one(Series, made.series_id).title = "Another title"
    db.session.commit()
    shown = certificates.get_certificate(number_of("Fatima Zahra Benali"), by=SYSTEM)
    assert (shown.name, shown.native_name) == ("Fatima Zahra Benali", "فاطمة الزهراء بن علي")
    assert shown.series == "Livestream commerce from a village"
    assert (shown.hours, shown.issued_on) == (3.0, date(2026, 11, 25))
    assert [(stop["day"], stop["attended"]) for stop in shown.lectures] == [
        ("2026-05-20", True),
        ("2026-05-27", False),
        ("2026-06-03", True),
    ]
    assert shown.state is CertificateState.VALID


def test_titles_are_in_the_language_of_the_words_and_stay_so(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"})
    series, lecture = db.session.get_one(Series, made.series_id), db.session.get_one(Lecture, made.lectures[0])
    series.language, series.text_language = "fr", "en"
    series.translations = {"fr": {"title": "Cycle traduit"}, "zh": {"title": "课程"}}
    lecture.text_language, lecture.translations = "en", {"fr": {"title": "Séance traduite"}}
    db.session.commit()
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    row = rows()[0]
    assert (row.series_title, row.title_language, row.language) == ("Cycle traduit", "fr", "fr")
    assert [(one["title"], one["language"]) for one in row.lectures[:2]] == [
        ("Séance traduite", "fr"),
        ("Lecture 2", "en"),
    ]
    passages = typesetting.spoken(store.order_of(row, "participation").award)
    assert [passage.language for passage in passages][-4:] == ["fr", "fr", "en", "en"]
    credential = json.loads(urlsafe_b64decode((row.credential or "").split(".")[1] + "=="))
    assert credential["name"] == "Certificate of participation: Cycle traduit"
    db.session.get_one(Series, made.series_id).translations = {"fr": {"title": "Autre titre"}}
    db.session.commit()
    rename(made.people["Ada"], "Ada Lovelace", None, at + timedelta(days=9))
    first, second = rows()
    assert (second.series_title, second.title_language) == ("Cycle traduit", "fr")
    assert second.lectures == first.lectures


def test_titles_are_english_where_the_words_are(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"}, title="Biashara ya mtandaoni")
    series = db.session.get_one(Series, made.series_id)
    series.language, series.translations = "sw", {"en": {"title": "Online trade"}}
    db.session.commit()
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert [(row.series_title, row.title_language) for row in rows()] == [("Online trade", "en")]


def test_the_day_is_the_organisers(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at.replace(hour=17))
    assert rows()[0].issued_on == date(2026, 11, 26)


def test_lectures_to_come_count_as_not_attended(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa", "Bo": "aa-"}, held=3, to_come=2)
    result = awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert (result["issued"], result["not_earned"]) == (1, 1)


def test_only_the_enrolled_are_considered(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"}, status=EnrolmentStatus.WITHDRAWN)
    result = awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert result == {"issued": 0, "already_issued": 0, "not_earned": 0, "refused": []}


def test_a_letter_without_a_font_stops_that_one_before_it_has_a_number(programme: Make, at: datetime) -> None:
    made = programme({("Amazigh", "ⵣ𞤀"): "aaa", "Ada": "aaa"})
    result = awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert result["issued"] == 1
    assert [item["person"] for item in result["refused"]] == [made.public["Amazigh"]]
    assert result["refused"][0]["reason"].startswith(
        "Name in native script: no installed font has ⵣ (U+2D63), 𞤀 (U+1E900)."
    )
    assert [row.name for row in rows()] == ["Ada"]


def test_a_series_whose_title_cannot_be_printed_is_refused_as_a_whole(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"}, title="Title with 𒀀")
    with pytest.raises(Refused, match=r"Title of the series: no installed font has 𒀀 \(U\+12000\)"):
        awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert rows() == []


def test_a_series_without_certificates_says_so(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa"}, kind=None)
    with pytest.raises(Refused, match="does not issue certificates"):
        awards.request_issue(made.series_id, by=administrator, at=at)


def test_the_other_kind_is_refused(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa"})
    with pytest.raises(Refused, match="certificates of participation only"):
        awards.request_issue(made.series_id, CertificateKind.COMPLETION, by=administrator, at=at)


def test_only_an_administrator_issues(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"})
    for role in (Role.REPORTER, Role.INSTRUCTOR, Role.FOCAL_POINT):
        with pytest.raises(Forbidden):
            awards.request_issue(made.series_id, by=Actor(person_id=1, roles=frozenset({role})), at=at)
        with pytest.raises(Forbidden):
            awards.issue_certificates(made.series_id, by=Actor(person_id=1, roles=frozenset({role})), at=at)


@pytest.mark.databases(differs=True)
def test_the_job_issues_and_keeps_the_result(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa", "Bo": "a--"})
    job = awards.request_issue(made.series_id, by=administrator, at=at)
    public_id = job.public_id
    assert awards.request_issue(made.series_id, by=administrator, at=at).public_id == public_id
    assert run_due() == 2  # issuing, then making the files
    job = get_job(public_id, by=administrator)
    assert (job.state, job.done, job.total) == (JobState.DONE, 2, 2)
    assert job.result == {"issued": 1, "already_issued": 0, "not_earned": 1, "refused": []}
    later = awards.request_issue(made.series_id, by=administrator, at=at + timedelta(seconds=1))
    assert later.public_id != public_id


def test_a_job_taken_up_again_counts_what_it_issued_before(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa", "Cy": "aaa"})
    public_id = awards.request_issue(made.series_id, by=administrator, at=at).public_id
    awards.issue_batch(made.series_id, CertificateKind.PARTICIPATION, [made.people["Bo"]], by=SYSTEM, at=at)
    run_due()
    job = db.session.scalars(select(Job).where(Job.public_id == public_id)).one()
    assert job.result == {"issued": 3, "already_issued": 0, "not_earned": 0, "refused": []}
    assert len(rows()) == 3


def test_a_batch_leaves_one_trace_in_the_audit(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa"})
    awards.issue_certificates(made.series_id, by=administrator, at=at)
    entries = audit.list_entries("person", made.people["Ada"])
    assert [(entry.verb, entry.detail) for entry in entries] == [
        ("issue certificates", {"kind": "participation", "count": 2})
    ]
    assert entries == audit.list_entries("person", made.people["Bo"])


def test_many_people_are_issued_in_batches(programme: Make, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awards, "BATCH", 2)
    made = programme({f"Person {n}": "aaa" for n in range(5)})
    told: list[tuple[int, int]] = []
    result = awards.issue_certificates(
        made.series_id, by=SYSTEM, at=at, progress=lambda done, total: told.append((done, total))
    )
    assert result["issued"] == 5
    assert told == [(0, 5), (2, 5), (4, 5)]


def test_revoking_needs_a_reason_and_an_administrator(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    number = number_of("Ada")
    with pytest.raises(Forbidden):
        changes.revoke(number, reason="why", by=made.holder("Ada"), at=at)
    with pytest.raises(Invalid):
        changes.revoke(number, reason="  ", by=administrator, at=at)
    changes.revoke(number, reason=" Issued in error ", by=administrator, at=at)
    shown = certificates.get_certificate(number, by=administrator)
    assert (shown.state, shown.reason, shown.ended_at) == (CertificateState.REVOKED, "Issued in error", at)
    with pytest.raises(Refused, match="has been revoked"):
        changes.revoke(number, reason="again", by=administrator, at=at)
    with pytest.raises(NotFound):
        changes.revoke("SR-0000-0000-0000-0000-0", reason="why", by=administrator, at=at)
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["already_issued"] == 1


def test_nobody_is_told_of_a_certificate_that_was_revoked_meanwhile(
    programme: Make, at: datetime, administrator: Actor
) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)

    @action
    def post() -> None:
        for award_id in db.session.scalars(select(Award.id)):
            post_mail(
                "certificate_ready", address=f"{award_id}@example.org", payload={},
                dedupe_key=f"certificate_ready-{award_id}", at=at,
            )  # fmt: skip

    db.session.execute(delete(OutboxMail))
    db.session.commit()
    post()
    changes.revoke(number_of("Ada"), reason="Issued in error", by=administrator, at=at)
    sent: list[str] = []
    send_due(lambda mail: sent.append(mail.dedupe_key), at=at)
    query = select(Award.id).join(Certificate, Certificate.award_id == Award.id).where(Certificate.name == "Bo")
    assert sent == [f"certificate_ready-{db.session.scalars(query).one()}"]


def test_the_holder_withdraws_and_nobody_else(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa", "Bo": "---"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    number = number_of("Ada")
    for stranger in (ANONYMOUS, made.holder("Bo")):
        with pytest.raises(Forbidden):
            changes.withdraw(number, by=stranger, at=at)
    changes.withdraw(number.lower().replace("-", " "), by=made.holder("Ada"), at=at)
    assert certificates.get_certificate(number, by=ANONYMOUS).state is CertificateState.WITHDRAWN
    with pytest.raises(Refused):
        changes.withdraw(number, by=made.holder("Ada"), at=at)


def rename(person_id: int, full_name: str, native_name: str | None, at: datetime) -> None:
    from lms.core.database.session import action

    @action
    def correct() -> None:
        person = db.session.get_one(Person, person_id)
        person.full_name, person.native_name = full_name, native_name
        db.session.flush()
        publish(PersonNameCorrected(person_id=person_id, by=SYSTEM, at=at))

    correct()


def test_a_corrected_name_supersedes(programme: Make, at: datetime) -> None:
    made = programme({"Fatima Benaly": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    old = number_of("Fatima Benaly")
    rename(made.people["Fatima Benaly"], "Fatima Benali", None, at + timedelta(days=9))
    new = number_of("Fatima Benali")
    first, second = (certificates.get_certificate(number, by=SYSTEM) for number in (old, new))
    assert (first.state, first.name, first.replaced_by) == (CertificateState.SUPERSEDED, "Fatima Benaly", new)
    assert (second.state, second.name, second.replaces) == (CertificateState.VALID, "Fatima Benali", old)
    assert first.issued_on == second.issued_on
    rename(made.people["Fatima Benaly"], "Fatima Benali", None, at + timedelta(days=10))
    assert len(rows()) == 2
    assert [shown.number for shown in certificates.list_of_person(made.people["Fatima Benaly"], by=SYSTEM)] == [new]


def test_a_corrected_name_that_cannot_be_printed_waits_for_a_font(
    programme: Make, at: datetime, administrator: Actor
) -> None:
    made = programme({"Ada": "aaa", "Bo": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    rename(made.people["Ada"], "Ada", "ⵣ", at)
    assert db.session.get_one(Person, made.people["Ada"]).native_name == "ⵣ"
    assert [row.state for row in rows()] == [CertificateState.VALID, CertificateState.VALID]
    preview = eligibility.preview(made.slug, by=administrator, shown=EarnerGroup.BLOCKED)
    assert (preview.counts[EarnerGroup.HAVE], [row.full_name for row in preview.rows]) == (1, ["Ada"])
    again = awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert (again["already_issued"], [item["person"] for item in again["refused"]]) == (1, [made.public["Ada"]])
    db.session.get_one(Person, made.people["Ada"]).native_name = "Ада"
    db.session.commit()
    last = awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert last == {"issued": 0, "already_issued": 2, "not_earned": 0, "refused": []}
    assert [(row.native_name, row.state) for row in rows() if row.name == "Ada"] == [
        (None, CertificateState.SUPERSEDED),
        ("Ада", CertificateState.VALID),
    ]


def test_withdrawing_silences_the_numbers_it_replaced(programme: Make, at: datetime) -> None:
    made = programme({"Ada One": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    old = number_of("Ada One")
    rename(made.people["Ada One"], "Ada Two", None, at)
    rename(made.people["Ada One"], "Ada Three", None, at)
    changes.withdraw(number_of("Ada Three"), by=made.holder("Ada One"), at=at)
    assert certificates.get_certificate(old, by=ANONYMOUS).state is CertificateState.WITHDRAWN
    assert certificates.get_certificate(number_of("Ada Two"), by=ANONYMOUS).state is CertificateState.WITHDRAWN


def merge(kept: int, merged: int, at: datetime) -> None:
    from lms.core.database.session import action

    @action
    def run() -> None:
        db.session.get_one(Person, merged).canonical_id = kept
        db.session.flush()
        publish(PeopleMerged(kept_id=kept, merged_id=merged, by=SYSTEM, at=at))

    run()


def test_of_two_merged_people_the_earliest_certificate_stays(programme: Make, at: datetime) -> None:
    from lms.core.base.events import MergeUndone
    from lms.core.database.session import action

    made = programme({"Ada Later": "aaa", "Ada Early": "aaa"})
    early, late = made.people["Ada Early"], made.people["Ada Later"]
    awards.issue_batch(made.series_id, CertificateKind.PARTICIPATION, [early], by=SYSTEM, at=at)
    awards.issue_batch(made.series_id, CertificateKind.PARTICIPATION, [late], by=SYSTEM, at=at + timedelta(hours=1))
    merge(late, early, at + timedelta(days=1))
    gone = certificates.get_certificate(number_of("Ada Later"), by=SYSTEM)
    assert (gone.state, gone.replaced_by) == (CertificateState.SUPERSEDED, number_of("Ada Early"))
    assert certificates.get_certificate(number_of("Ada Early"), by=made.holder("Ada Later")).is_holder
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at + timedelta(days=2))["already_issued"] == 1

    @action
    def undo() -> None:
        db.session.get_one(Person, early).canonical_id = early
        db.session.flush()
        publish(MergeUndone(kept_id=late, merged_id=early, by=SYSTEM, at=at))

    undo()
    assert [row.state for row in rows()] == [CertificateState.VALID, CertificateState.VALID]
    assert not certificates.get_certificate(number_of("Ada Early"), by=made.holder("Ada Later")).is_holder


@pytest.mark.parametrize("withdrawn", [True, False])
def test_who_is_erased_chooses_what_becomes_of_the_certificates(
    programme: Make, at: datetime, administrator: Actor, withdrawn: bool
) -> None:
    from lms.core.database.session import action

    made = programme({("Ada", "Аda"): "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    number = number_of("Ada")
    assert certificates.get_pdf(number, by=administrator).startswith(b"%PDF")
    assert store.find_pdf(rows()[0]) is not None

    @action
    def erase() -> None:
        event = PersonErased(person_id=made.people["Ada"], withdraw_certificates=withdrawn, by=SYSTEM, at=at)
        publish(event)

    erase()
    row = rows()[0]
    if withdrawn:
        assert (row.state, row.name, row.native_name) == (CertificateState.WITHDRAWN, "", None)
        assert store.find_pdf(rows()[0]) is None
    else:
        assert (row.state, row.name) == (CertificateState.VALID, "Ada")
        assert store.find_pdf(rows()[0]) is not None
    assert db.session.scalars(select(Award)).one().person_id == made.people["Ada"]


def test_the_export_of_a_person_has_the_certificates(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    event = PersonExportAsked(person_id=made.people["Ada"], by=SYSTEM, at=at)
    publish(event)
    assert [item["number"] for item in event.parts["certificates"]] == [number_of("Ada")]


def test_the_file_is_the_holders_and_the_administrators(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa", "Bo": "---"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    number = number_of("Ada")
    first = certificates.get_pdf(number, by=made.holder("Ada"))
    assert first.startswith(b"%PDF")
    assert certificates.get_pdf(number, by=administrator) == first
    for stranger in (ANONYMOUS, made.holder("Bo"), Actor(person_id=9, roles=frozenset({Role.REPORTER}))):
        with pytest.raises(Forbidden):
            certificates.get_pdf(number, by=stranger)
    changes.revoke(number, reason="why", by=administrator, at=at)
    with pytest.raises(Refused, match="revoked"):
        certificates.get_pdf(number, by=made.holder("Ada"))


def test_the_page_that_issues_counts_everybody_once(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aaa", "Bo": "a--", "Cy": "---", ("Di", "ⵣ"): "aaa", "Eve": "aa-"})
    awards.issue_batch(made.series_id, CertificateKind.PARTICIPATION, [made.people["Eve"]], by=SYSTEM, at=at)
    found = eligibility.preview(made.slug, by=administrator)
    assert (found.requirement.needed, found.requirement.lectures, found.enrolled) == (2, 3, 5)
    assert found.counts == {
        EarnerGroup.EARNED: 1,
        EarnerGroup.MISSES: 1,
        EarnerGroup.BLOCKED: 1,
        EarnerGroup.UNCONFIRMED: 2,
        EarnerGroup.HAVE: 1,
        EarnerGroup.UNEARNED: 0,
        EarnerGroup.REST: 2,
    }
    assert [(row.full_name, row.stops, row.hours) for row in found.rows] == [("Ada", [True, True, True], 4.5)]
    for group, names in ((EarnerGroup.MISSES, ["Bo"]), (EarnerGroup.BLOCKED, ["Di"]), (EarnerGroup.HAVE, ["Eve"])):
        shown = eligibility.preview(made.slug, by=administrator, shown=group)
        assert [row.full_name for row in shown.rows] == names
    with pytest.raises(Forbidden):
        eligibility.preview(made.slug, by=made.holder("Ada"))


def test_a_changed_policy_holds_for_the_next_run(programme: Make, at: datetime) -> None:
    made = programme({"Ada": "a--"})
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["issued"] == 0
    db.session.add(
        Policy(
            series_id=made.series_id,
            version=2,
            min_lectures_percent=30,
            certificate=CertificateKind.PARTICIPATION,
            created_at=at,
        )
    )
    db.session.commit()
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["issued"] == 1


def test_a_correction_that_unearns_never_revokes_by_itself(programme: Make, at: datetime, administrator: Actor) -> None:
    from lms.attendance.models.credits import Credit, Outcome

    made = programme({"Ada": "aaa", "Bo": "aaa"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    assert eligibility.preview(made.slug, by=administrator).counts[EarnerGroup.UNEARNED] == 0
    for credit in db.session.scalars(select(Credit).where(Credit.person_id == made.people["Ada"])):
        credit.outcome = Outcome.PARTIAL
    db.session.commit()
    assert awards.issue_certificates(made.series_id, by=SYSTEM, at=at)["already_issued"] == 2
    assert [row.state for row in rows()] == [CertificateState.VALID, CertificateState.VALID]
    found = eligibility.preview(made.slug, by=administrator, shown=EarnerGroup.UNEARNED)
    assert (found.counts[EarnerGroup.UNEARNED], found.counts[EarnerGroup.HAVE]) == (1, 2)
    assert [(row.full_name, row.lacks, row.number) for row in found.rows] == [("Ada", Missing(2, 0), number_of("Ada"))]
    changes.revoke(number_of("Ada"), reason="why", by=administrator, at=at)
    assert eligibility.preview(made.slug, by=administrator).counts[EarnerGroup.UNEARNED] == 0


def test_a_stricter_policy_unearns_nothing(programme: Make, at: datetime, administrator: Actor) -> None:
    made = programme({"Ada": "aa-"})
    awards.issue_certificates(made.series_id, by=SYSTEM, at=at)
    stricter = Policy(
        series_id=made.series_id,
        version=2,
        min_lectures=3,
        min_minutes=90,
        certificate=CertificateKind.PARTICIPATION,
        created_at=at,
    )
    db.session.add(stricter)
    db.session.commit()
    assert eligibility.preview(made.slug, by=administrator).counts[EarnerGroup.UNEARNED] == 0
