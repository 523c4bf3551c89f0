"""Files of nominees: what their preview says, what they write, and what they never show."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from lms.catalogue.models import Series
from lms.core.background import jobs
from lms.core.base.errors import NotFound, TooLarge
from lms.core.base.roles import SYSTEM, Actor, Role
from lms.core.database.session import db
from lms.core.storage.staged import KEPT
from lms.enrolment.actions.places import enrol
from lms.mail.outbox import OutboxMail
from lms.nominations.actions import files
from lms.nominations.actions.files import (
    NomineeFile,
    drop_file,
    find_file,
    find_result,
    keep_file,
    nominate_file,
    nominate_large_file,
    preview_file,
    request_file,
)
from lms.nominations.models import Nomination, NominationState
from lms.nominations.rules import what_is_wrong_with
from lms.people.models import Person
from lms.people.queries.countries import get_country
from tests.enrolment.conftest import Cast, Sent
from tests.nominations.conftest import keep
from tests.nominations.test_actions import states
from tests.queries import CountQueries
from tests.rows import each_row

pytestmark = [pytest.mark.databases, pytest.mark.usefixtures("context")]

HEAD = "email,full_name,country,sector\n"


def upload(series: Series, text: str, *, country_id: int, by: Actor, at: datetime) -> NomineeFile:
    """A file as it is kept for its preview."""
    content = text.encode()
    file_id = keep_file(series, content, name="nominees.csv", country_id=country_id, by=by, at=at)
    return find_file(file_id, by=by, at=at)


def test_a_preview_names_each_bad_row_and_writes_nothing(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    home = cast.person("Samuel Kiprop")
    assert home.person_id is not None
    enrol(series.id, home.person_id, by=SYSTEM, at=at)
    cast.person("Rose Maina")
    file = upload(
        series,
        HEAD
        + "good@people.test,Good Name,,\n"
        + "rose.maina@people.test,,,\n"
        + "faith@gmail,Faith Mumbua,KE,\n"
        + "juma@people.test,Juma Bakari,Tanzania,\n"
        + "nameless@people.test,,,\n"
        + "GOOD@people.test,Grace Akinyi,,\n"
        + "ali@people.test,Ali Noor,,Goverment\n"
        + "samuel.kiprop@people.test,Samuel Kiprop,,\n"
        + "elise@people.test,Ã‰lise Wambui,,\n"
        + "peter@people.test,Peter ☺ Mwangi,,\n",
        country_id=kenya,
        by=focal,
        at=at,
    )
    preview = preview_file(file, by=focal, at=at)
    assert (file.total, preview.good, preview.checked.known) == (10, 2, 1)
    assert [(fault.row, fault.field, fault.kind) for fault in preview.checked.rejected] == [
        (4, "email", None),
        (5, "country", None),
        (6, "full_name", None),
        (7, "email", "duplicate"),
        (8, "sector", None),
        (9, "email", "enrolled"),
        (10, "full_name", "name"),
        (11, "full_name", "name"),
    ]
    assert states() == {}


@each_row(
    "name, is_wrong",
    [
        ("Achieng Odhiambo", False),
        ("Élise Wambui", False),
        ("Nguyễn Thị Ánh", False),
        ("王秀英", False),
        ("መሠረት ደፋር", False),
        ("O’Neill-Ñandú", False),
        ("Ã‰lise Wambui", True),
        ("Jos\ufffd", True),
        ("Jos? Mart?nez", True),
        ("Peter ☺ Mwangi", True),
        ("12345", True),
    ],
)
def test_damaged_names_and_pictures_are_found(name: str, is_wrong: bool) -> None:
    assert (what_is_wrong_with(name) is not None) is is_wrong


def test_a_file_nominates_in_its_order_and_the_same_file_changes_nothing(
    series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent
) -> None:
    keep(series, kenya, 2, until=at + timedelta(days=5))
    text = HEAD + "".join(f"n{number}@people.test,Nominee {number},,\n" for number in range(3)) + "bad,Bad,,\n"
    file = upload(series, text, country_id=kenya, by=focal, at=at)
    preview = preview_file(file, by=focal, at=at)
    assert (preview.good, preview.going, preview.places) == (3, 2, 2)
    result = nominate_file(file, submit=True, by=focal, at=at)
    assert (result.made, result.unchanged, len(result.rejected)) == ({"invited": 2, "drafted": 1}, 0, 1)
    assert states() == {"Nominee 0": "invited", "Nominee 1": "invited", "Nominee 2": "drafted"}
    assert len(sent()) == 2

    later = at + timedelta(hours=1)
    again = upload(series, text, country_id=kenya, by=focal, at=later)
    assert preview_file(again, by=focal, at=later).good == 0
    unchanged = nominate_file(again, submit=True, by=focal, at=later)
    assert (unchanged.created, unchanged.unchanged) == (0, 3)
    assert len(sent()) == 2

    nominate_file(file, submit=True, by=focal, at=later)
    assert find_result(file.id, by=focal, at=at) == result, "pressed twice, the first result stays"


def test_a_file_is_known_to_its_sender_for_a_day(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime
) -> None:
    other = cast.staff(Role.FOCAL_POINT, "Grace Owuor", country="KE")
    file = upload(series, HEAD + "a@people.test,A B,,\n", country_id=kenya, by=focal, at=at)
    for by, moment in ((other, at), (focal, at + KEPT + timedelta(seconds=1)), (Actor(), at)):
        with pytest.raises(NotFound):
            find_file(file.id, by=by, at=moment)
    for wrong in ("", "../secret", f"{file.id}-result/../x"):
        with pytest.raises(NotFound):
            find_file(wrong, by=focal, at=at)
    drop_file(file.id, by=focal)
    with pytest.raises(NotFound):
        find_file(file.id, by=focal, at=at)
    with pytest.raises(NotFound):
        keep_file(series, b"email\n", name="x", country_id=get_country("UG").id, by=focal, at=at)


def test_files_have_an_upper_limit(
    series: Series, kenya: int, focal: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_ROWS", 2)
    with pytest.raises(TooLarge, match="more than 2 rows"):
        upload(series, "email\na@p.test\nb@p.test\nc@p.test\n", country_id=kenya, by=focal, at=at)


def test_people_of_other_countries_are_like_nobody_in_a_file(
    cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime, count_queries: CountQueries
) -> None:
    """Neither what a preview says nor the statements it asks depend on who is known elsewhere."""
    rows = "".join(f"person.{number}@people.test,,,\n" for number in range(4))
    rows += "".join(f"named.{number}@people.test,Somebody Else,,\n" for number in range(4))

    def look() -> tuple[object, int]:
        file = upload(series, HEAD + rows, country_id=kenya, by=focal, at=at)
        db.session.rollback()
        with count_queries() as counted:
            preview = preview_file(file, by=focal, at=at)
        return (preview.good, preview.checked.known, preview.checked.rejected), len(counted)

    before = look()
    for number in range(4):
        known = cast.person(f"Person {number}", country="TZ")
        cast.person(f"Named {number}", country="UG")
        assert known.person_id is not None
        enrol(series.id, known.person_id, by=SYSTEM, at=at)
    assert look() == before


def test_what_people_wrote_themselves_stays(cast: Cast, series: Series, kenya: int, focal: Actor, at: datetime) -> None:
    home = cast.person("Rose Maina", organisation="Revenue Authority")
    file = upload(
        series,
        "email,full_name,organisation\nrose.maina@people.test,R. M.,Another\n",
        country_id=kenya,
        by=focal,
        at=at,
    )
    nominate_file(file, submit=True, by=focal, at=at)
    person = db.session.get_one(Person, home.person_id)
    assert (person.full_name, person.organisation) == ("Rose Maina", "Revenue Authority")


def many(count: int) -> str:
    return HEAD + "".join(f"n{number}@people.test,Nominee {number},,\n" for number in range(count))


def test_a_large_file_is_nominated_in_the_background(
    series: Series, kenya: int, focal: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "AT_ONCE", 4)
    file = upload(series, many(10) + "bad,Bad,,\n", country_id=kenya, by=focal, at=at)
    job = request_file(file, submit=True, by=focal, at=at)
    assert request_file(file, submit=True, by=focal, at=at).id == job.id, "asked once"
    jobs.run_due(at=at)
    db.session.expire_all()
    done = db.session.get_one(jobs.Job, job.id)
    assert (done.state, done.done, done.total) == (jobs.JobState.DONE, 10, 10)
    assert done.result == {"invited": 10, "unchanged": 0, "left_out": 1}
    result = find_result(file.id, by=focal, at=at)
    assert result is not None
    assert result.made == {"invited": 10}


def test_a_worker_that_dies_within_a_file_leaves_whole_pieces_and_goes_on_from_there(
    series: Series, kenya: int, focal: Actor, at: datetime, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "AT_ONCE", 4)
    file = upload(series, many(10), country_id=kenya, by=focal, at=at)

    class Killed(BaseException):
        pass

    def dies(done: int, _total: int) -> None:
        if done == 8:
            raise Killed

    with pytest.raises(Killed):
        nominate_large_file(file, submit=True, by=focal, at=at, progress=dies)
    db.session.rollback()
    assert (len(states()), len(sent())) == (8, 8)
    result = nominate_large_file(file, submit=True, by=focal, at=at, progress=lambda _done, _total: None)
    assert (result.made, result.unchanged, result.rejected) == ({"invited": 10}, 0, [])
    assert len(sent()) == 10


def test_a_transaction_that_fails_at_its_end_writes_and_mails_nothing(
    series: Series, kenya: int, focal: Actor, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(series, kenya, 2, until=at + timedelta(days=5))
    file = upload(series, many(3), country_id=kenya, by=focal, at=at)

    def fails(*_args: object, **_given: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("lms.nominations.actions.invitations.post_mails", fails)
        with pytest.raises(RuntimeError):
            nominate_file(file, submit=True, by=focal, at=at)
    db.session.rollback()
    assert states() == {}
    assert db.session.scalar(select(func.count()).select_from(OutboxMail)) == 0
    assert db.session.get_one(Series, series.id).taken == 0
    assert nominate_file(file, submit=True, by=focal, at=at).made == {"invited": 2, "drafted": 1}
    invited = select(func.count()).where(Nomination.state == NominationState.INVITED)
    assert db.session.scalar(invited) == 2
