"""Who has an instructor's rights: the role and the list together, in every check and in every query."""

# ruff: noqa: DTZ001 (planned times are local, without offset)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from lms.attendance.queries.appeals import count_open_appeals
from lms.catalogue import rules
from lms.catalogue.actions.lectures import edit_lecture, schedule_lecture
from lms.catalogue.actions.series import create_series, edit_series
from lms.catalogue.inputs import LectureInput, SeriesInput
from lms.catalogue.models import Lecture, LectureState, SeriesInstructor, Visibility
from lms.catalogue.queries import lectures as lecture_queries
from lms.catalogue.queries import series as series_queries
from lms.catalogue.queries import teaching as teaching_queries
from lms.core.base.errors import Forbidden, Invalid, NotFound
from lms.core.base.roles import SYSTEM, Role
from lms.core.database import audit
from lms.core.database.session import action, db
from lms.people.actions.access import grant_role, revoke_role
from lms.people.models import Person, RoleGrant, SecondFactor
from lms.people.queries.access import load_actor
from lms.web.request.identity import without_resting_roles
from tests.conftest import empty_tables
from tests.factories import Make

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]

NOT_AN_INSTRUCTOR = "{} does not belong to an instructor. Ask an administrator to grant the instructor role."


@pytest.fixture
def moment() -> datetime:
    return datetime(2026, 11, 27, 9, tzinfo=UTC)


def listed(slug: str) -> list[str]:
    """The names on the list of a series."""
    return [person.full_name for person in series_queries.get_series(slug, by=SYSTEM).instructors]


def givers(lecture: Lecture) -> list[str]:
    """The names on the list of a lecture."""
    stored_lecture = lecture_queries.find_lecture(lecture.id)
    assert stored_lecture is not None
    return [person.full_name for person in stored_lecture.instructors]


def revoke(person: Person, at: datetime, role: Role = Role.INSTRUCTOR) -> None:
    """An administrator ends a role."""
    query = select(RoleGrant.id).where(RoleGrant.person_id == person.id, RoleGrant.role == role)
    grant = db.session.scalars(query).one()
    revoke_role(person.public_id, grant, by=SYSTEM, at=at)


# Rights need the role and the list


def test_a_list_without_the_role_gives_no_right(make: Make) -> None:
    person = make.person()
    series = make.series("draft", instructors=[person], visibility="draft")
    by = make.actor(person)
    with pytest.raises(NotFound):
        series_queries.get_series("draft", by=by)
    assert series_queries.list_series(series_queries.SeriesFilter(), by=by) == []
    assert (rules.may_edit_series(series, by), rules.may_see_series(series, by)) == (False, False)
    with pytest.raises(Forbidden):
        teaching_queries.list_taught(person.id, by=by)


def test_a_resting_role_gives_no_right(make: Make, app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    person = make.person(roles=["instructor"])
    make.series("draft", instructors=[person], visibility="draft")
    assert series_queries.get_series("draft", by=make.actor(person)).slug == "draft"
    monkeypatch.setattr(app.extensions["lms.config"], "staff_needs_second_factor", True)
    resting = without_resting_roles(make.actor(person))
    assert resting is not None
    with pytest.raises(NotFound):
        series_queries.get_series("draft", by=resting)


@action
def put(table: Any, **values: Any) -> None:
    db.session.execute(insert(table).values(**values))


@action
def drop(table: Any, **values: Any) -> None:
    db.session.execute(delete(table).filter_by(**values))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["grant", "revoke", "factor", "no factor", "list", "unlist"]),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_python_rule_and_the_sql_rule_agree_over_random_histories(
    app: APIFlask, make: Make, moment: datetime, steps: list[tuple[str, int, int]]
) -> None:
    """Grants, revocations, second factors and lists in any order: what one may see, edit and answer is the same asked
    either way, and never more than the role and the list give together."""
    with app.app_context():
        app.extensions["lms.config"].staff_needs_second_factor = True
        empty_tables()  # a list of series has an end, and each example makes four
        try:
            _live_through(make, moment, steps)
        finally:
            app.extensions["lms.config"].staff_needs_second_factor = False
            db.session.remove()


def _live_through(make: Make, moment: datetime, steps: list[tuple[str, int, int]]) -> None:
    people = [make.person() for _number in range(3)]
    series = [make.series(visibility="draft" if number % 2 else "public") for number in range(4)]
    lectures = [make.lecture(one, state="draft" if number < 2 else "scheduled") for number, one in enumerate(series)]
    roles: set[int] = set()
    factors: set[int] = set()
    lists: set[tuple[int, int]] = set()
    for what, who, where in steps:
        person, person_id = people[who], (series[where].id, people[who].id)
        if what == "grant":
            grant_role(person.public_id, Role.INSTRUCTOR, by=SYSTEM, at=moment)
            roles.add(who)
        elif what == "revoke" and who in roles:
            query = select(RoleGrant.id).where(RoleGrant.person_id == person.id, RoleGrant.revoked_at.is_(None))
            revoke_role(person.public_id, db.session.scalars(query).one(), by=SYSTEM, at=moment)
            roles.discard(who)
            lists -= {one for one in lists if one[1] == person.id}
        elif what == "factor" and who not in factors:
            put(SecondFactor, person_id=person.id, salt="00" * 16, confirmed_at=moment)
            factors.add(who)
        elif what == "no factor" and who in factors:
            drop(SecondFactor, person_id=person.id)
            factors.discard(who)
        elif what == "list" and person_id not in lists:
            put(SeriesInstructor, series_id=person_id[0], person_id=person_id[1])
            lists.add(person_id)
        elif what == "unlist" and person_id in lists:
            drop(SeriesInstructor, series_id=person_id[0], person_id=person_id[1])
            lists.discard(person_id)
    db.session.expire_all()
    for who, person in enumerate(people):
        by = without_resting_roles(load_actor(person.id, moment + timedelta(days=1)))
        assert by is not None
        whole = [series_queries.find_series(one.slug) for one in series]
        given = {one.id for one in series if who in roles and who in factors and (one.id, person.id) in lists}
        assert {one.id for one in whole if one and rules.may_edit_series(one, by)} == given
        seen = {one.id for one in whole if one and rules.may_see_series(one, by)}
        assert seen == given | {one.id for one in series if one.visibility is Visibility.PUBLIC}
        ids = {one.id for one in series}
        assert {one.id for one in series_queries.list_series(series_queries.SeriesFilter(), by=by)} & ids == seen
        assert {
            card.series.id for card in series_queries.list_cards(series_queries.SeriesFilter(), by=by)[0]
        } & ids == seen
        shown = {one.id for one in lectures if rules.may_see_lecture(lecture_queries.find_lecture(one.id) or one, by)}
        listed = {
            one.id
            for each in series
            for one in lecture_queries.list_lectures_page(each.id, by=by, cursor=None, limit=50)
        }
        assert listed == shown
        stations = lecture_queries.stations_of(ids, by=by)
        assert {one.id for each in stations.values() for one in each} == shown
        coming = {one.id for one in lecture_queries.list_upcoming(by=by, at=moment, limit=10_000)}
        assert coming & {one.id for one in lectures} == {
            one.id for one in lectures if one.id in shown and one.state is LectureState.SCHEDULED
        }
        taught = (
            set() if not by.is_instructor else {one.id for one in teaching_queries.list_taught_series(person.id, by=by)}
        )
        assert taught == given
        assert count_open_appeals(by=by) == 0


# Only people with the role are listed


def test_only_holders_of_a_teaching_role_are_listed(make: Make, moment: datetime) -> None:
    teacher = make.person(full_name="Ines", email="ines@example.org", roles=["instructor"])
    make.person(full_name="Ada", email="ada@example.org", roles=["administrator"])
    make.person(email="reporter@example.org", roles=["reporter"])
    make.person(email="tariq@example.org")
    by = make.actor(teacher)
    draft = SeriesInput(slug="trade", title="Trade", instructors=("ada@example.org",))
    create_series(draft, by=by, at=moment)
    assert listed("trade") == ["Ada", "Ines"]
    wrong = ("reporter@example.org", "tariq@example.org", "nobody@example.org")
    with pytest.raises(Invalid) as error:
        edit_series("trade", {"instructors": ("ines@example.org", *wrong)}, by=by, at=moment)
    assert [(one.field, one.reason) for one in error.value.faults] == [
        ("instructors", NOT_AN_INSTRUCTOR.format(address)) for address in wrong
    ]
    assert listed("trade") == ["Ada", "Ines"]
    lecture = LectureInput(
        title="One", starts_at=datetime(2026, 12, 1, 9), time_zone="UTC", duration_minutes=60,
        instructors=("tariq@example.org",),
    )  # fmt: skip
    with pytest.raises(Invalid) as error:
        schedule_lecture("trade", lecture, by=by, at=moment)
    assert error.value.faults[0].reason == NOT_AN_INSTRUCTOR.format("tariq@example.org")


def test_known_and_unknown_addresses_are_refused_alike_over_the_api(make: Make, client: FlaskClient) -> None:
    teacher = make.person(roles=["instructor"])
    make.person(email="known@example.org")
    answers = []
    for address in ("known@example.org", "unknown@example.org"):
        sent = {"slug": "trade", "title": "Trade", "instructors": [address]}
        answer = client.post("/api/v1/series", json=sent, headers=make.headers(teacher))
        assert answer.status_code == 422
        answers.append(answer.text.replace(address, "ADDRESS"))
    assert answers[0] == answers[1]
    assert NOT_AN_INSTRUCTOR.format("ADDRESS") in answers[0]


def test_somebody_listed_without_the_role_stays_when_the_series_is_edited(make: Make, moment: datetime) -> None:
    teacher = make.person(email="ines@example.org", roles=["instructor"])
    former = make.person(full_name="Former", email="former@example.org")
    make.series("trade", instructors=[teacher, former])
    addresses = ("ines@example.org", "former@example.org")
    edit_series("trade", {"title": "New", "instructors": addresses}, by=make.actor(teacher), at=moment)
    assert "Former" in listed("trade")


def test_a_new_lecture_is_offered_the_instructors_who_can_be_listed(make: Make) -> None:
    teacher = make.person(email="ines@example.org", roles=["instructor"])
    series = make.series("trade", instructors=[teacher, make.person(email="former@example.org")])
    assert teaching_queries.addresses_to_list(series, by=make.actor(teacher)) == ["ines@example.org"]
    assert teaching_queries.addresses_to_list(series, by=make.actor()) == []


# The role ends


def test_a_revoked_role_ends_the_lists_of_series_that_go_on(make: Make, moment: datetime) -> None:
    teacher = make.person(full_name="Ines", roles=["instructor"])
    other = make.person(full_name="Omar", roles=["instructor"])
    going, over, bare = make.series("going", instructors=[teacher, other]), make.series("over"), make.series("bare")
    for series in (over, bare):
        put(SeriesInstructor, series_id=series.id, person_id=teacher.id)
    times = {"actual_start": moment - timedelta(days=2), "actual_end": moment - timedelta(days=2, hours=-1)}
    held = make.lecture(going, state="held", instructors=[teacher], **times)
    live = make.lecture(going, state="live", instructors=[teacher], actual_start=moment)
    coming = make.lecture(going, instructors=[teacher, other])
    old = make.lecture(over, state="held", instructors=[teacher], **times)
    grant = db.session.scalars(select(RoleGrant.id).where(RoleGrant.person_id == teacher.id)).one()
    listings = teaching_queries.list_listings_to_end(teacher.id, without_grant=grant, by=make.administrator())
    assert ([one.slug for one in listings.series], list(listings.lectures)) == (["going", "bare"], [coming.id])
    revoke(teacher, moment)
    assert {slug: listed(slug) for slug in ("going", "over", "bare")} == {
        "going": ["Omar"], "over": ["Ines"], "bare": [],
    }  # fmt: skip
    assert [givers(one) for one in (held, live, coming, old)] == [["Ines"], ["Ines"], ["Omar"], ["Ines"]]
    entry = audit.list_entries("person", teacher.id)[0]
    assert (entry.verb, entry.detail) == (
        "end_listings", {"instructors_removed": [teacher.id], "lectures": [coming.id]},
    )  # fmt: skip
    assert audit.list_entries("series", going.id)[0].id == entry.id
    assert not rules.may_edit_series(series_queries.get_series("over", by=SYSTEM), make.actor(teacher))


def test_another_teaching_role_keeps_the_lists(make: Make, moment: datetime) -> None:
    teacher = make.person(full_name="Ines", roles=["instructor", "administrator"])
    make.series("going", instructors=[teacher])
    revoke(teacher, moment)
    assert listed("going") == ["Ines"]
    revoke(teacher, moment, Role.ADMINISTRATOR)
    assert listed("going") == []


def test_only_administrators_are_told_what_would_end(make: Make) -> None:
    teacher = make.person(roles=["instructor"])
    with pytest.raises(Forbidden):
        teaching_queries.list_listings_to_end(teacher.id, without_grant=1, by=make.actor(teacher))


def test_the_page_says_what_ends_before_the_role_is_removed(make: Make, client: FlaskClient, moment: datetime) -> None:
    boss = make.person(roles=["administrator"])
    teacher = make.person(full_name="Ines", roles=["instructor"])
    series = make.series("going", "Going on", instructors=[teacher])
    make.lecture(series, instructors=[teacher])
    grant = db.session.scalars(select(RoleGrant.id).where(RoleGrant.person_id == teacher.id)).one()
    make.sign_in(client, boss)
    page = client.get(f"/admin/people/{teacher.public_id}/roles/{grant}/revoke")
    assert page.status_code == 200
    text = " ".join(page.text.split())
    assert "1 series that is not over will no longer list them as an instructor." in text
    assert "1 lecture that has not started will no longer list them as a lecturer." in text
    assert "Going on" in text
    assert client.get(f"/admin/people/{boss.public_id}/roles/{grant}/revoke").status_code == 404


# The audit names who was added and removed, by number


def test_the_audit_names_who_was_put_on_a_list_and_taken_off(make: Make, moment: datetime) -> None:
    ines = make.person(email="ines@example.org", roles=["instructor"])
    omar = make.person(email="omar@example.org", roles=["instructor"])
    by = make.actor(ines)
    series = create_series(SeriesInput(slug="trade", title="Trade"), by=by, at=moment)
    edit_series("trade", {"instructors": ("ines@example.org", "omar@example.org")}, by=by, at=moment)
    edit_series("trade", {"instructors": ("ines@example.org",)}, by=by, at=moment)
    draft = LectureInput(
        title="One", starts_at=datetime(2026, 12, 1, 9), time_zone="UTC", duration_minutes=60,
        instructors=("omar@example.org",),
    )  # fmt: skip
    lecture = schedule_lecture("trade", draft, by=by, at=moment)
    edit_lecture(lecture.id, {"instructors": ("ines@example.org",)}, by=by, at=moment)
    entries = [
        (entry.verb, {name: value for name, value in entry.detail.items() if "instructors" in name})
        for entry in reversed(audit.list_entries("series", series.id))
    ]
    assert entries == [
        ("create_series", {"instructors_added": [ines.id], "instructors_removed": []}),
        ("edit_series", {"instructors_added": [omar.id], "instructors_removed": []}),
        ("edit_series", {"instructors_added": [], "instructors_removed": [omar.id]}),
        (
            "schedule_lecture",
            {"instructors_added": [omar.id], "instructors_removed": [], "series_instructors_added": [omar.id]},
        ),
        (
            "edit_lecture",
            {"instructors_added": [ines.id], "instructors_removed": [omar.id], "series_instructors_added": []},
        ),
    ]
    of_omar = [entry.verb for entry in reversed(audit.list_entries("person", omar.id))]
    assert of_omar[-4:] == ["edit_series", "edit_series", "schedule_lecture", "edit_lecture"]
