"""Files of people: staged and published."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lms.core.base.errors import Forbidden, Invalid, WrongKind
from lms.core.base.import_answers import ImportAnswer
from lms.core.base.roles import SYSTEM
from lms.people.actions.files import publish_people
from lms.people.models import Sector
from lms.people.people_files import stage_people
from lms.people.queries.countries import country_by_code, country_id_of, country_names, list_countries
from lms.people.queries.persons import find_person_by_email
from lms.web.pages.locale import speaking
from tests.factories import Make
from tests.rows import each_row

FILE = """country,full_name,E-mail,native_name,sector,gender,shoe size
KE,Achieng Odhiambo,achieng@example.org,,Civil Society,female,38
eg,Mohamed Ali,Mohamed@Example.org,محمد علي,government,,41
Vietnam,Nguyễn Thị Minh,minh@example.org,,,,
,Suharto,suharto@example.org,,,,
"""


def publish(content: str | bytes, at: datetime, skip: bool = False) -> tuple[ImportAnswer, list[int]]:
    raw = content.encode() if isinstance(content, str) else content
    return publish_people(stage_people(raw), skip_bad_rows=skip, by=SYSTEM, at=at)


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_a_file_makes_people_and_the_same_again_changes_nothing(at: datetime) -> None:
    answer, ids = publish(FILE, at)
    assert (answer.rows, answer.created, answer.matched, answer.updated, answer.unchanged) == (4, 4, 0, 0, 0)
    assert answer.notes == ["The column “shoe size” was ignored."]
    again, same = publish(FILE, at)
    assert (again.rows, again.created, again.matched, again.updated, again.unchanged) == (4, 0, 4, 0, 4)
    assert same == ids
    achieng = find_person_by_email("achieng@example.org")
    assert achieng is not None
    assert (achieng.id, achieng.canonical_id, achieng.sector) == (ids[0], ids[0], Sector.CIVIL_SOCIETY)
    names = country_names("en")
    codes = {country.id: country.code for country in list_countries()}
    homes = [country_id_of(person_id, date(2021, 1, 1)) for person_id in ids]
    assert [names[codes[home]] if home else None for home in homes] == ["Kenya", "Egypt", "Viet Nam", None]


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_people_made_afterwards_get_ids_of_their_own(make: Make, at: datetime) -> None:
    _answer, ids = publish(FILE, at)
    assert make.person().id not in ids


@pytest.mark.usefixtures("context")
@each_row("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_are_read(encoding: str) -> None:
    staged = stage_people(FILE.encode(encoding))
    assert [row.full_name for row in staged.rows][2] == "Nguyễn Thị Minh"
    assert staged.rejected == []


@pytest.mark.usefixtures("context")
def test_every_bad_row_is_named_and_nothing_is_written(at: datetime) -> None:
    content = (
        "email,full_name,country,sector\n"
        "good@example.org,Good,KE,\n"
        "not an address,Bad,KE,\n"
        "a@example.org,\u200b\u202e,KE,\n"
        "b@example.org,Bad,ZZ,\n"
        "c@example.org,Bad,KE,magic\n"
        "GOOD@example.org,Good twice,KE,\n"
        "d@example.org,Bad,KE,,surplus\n"
    )
    with pytest.raises(Invalid) as caught:
        publish(content, at)
    faults = caught.value.faults
    assert [fault.row for fault in faults] == [3, 4, 5, 6, 7, 8]
    assert faults[0].reason == "email: Enter an e-mail address in the correct format, like name@example.org."
    assert faults[1].reason == "full_name: There is no one with this e-mail address, and the row has no name."
    assert faults[2].reason == "country: There is no country with the code “ZZ”."
    assert faults[3].reason.startswith("sector: Unknown sector “")
    assert "Use one of: government, business, academia, civil_society, other." in faults[3].reason
    assert faults[4].reason == "Same e-mail address as row 2."
    assert faults[5].reason == "The row has more cells than there are column headings."
    assert find_person_by_email("good@example.org") is None
    answer, ids = publish(content, at, skip=True)
    assert (answer.rows, answer.created, len(answer.rejected), len(ids)) == (7, 1, 6, 1)
    assert answer.rejected[0] == faults[0]


@pytest.mark.databases
@pytest.mark.usefixtures("context")
def test_known_people_are_updated_and_a_new_country_leaves_the_past(at: datetime) -> None:
    _answer, ids = publish(FILE, at)
    changed = FILE.replace("KE,Achieng Odhiambo", "UG,Achieng Atieno Odhiambo")
    answer, same = publish(changed, at)
    assert (answer.updated, answer.unchanged, same) == (1, 3, ids)
    person = find_person_by_email("achieng@example.org")
    assert person is not None
    assert person.full_name == "Achieng Atieno Odhiambo"
    codes = {country.id: country.code for country in list_countries()}
    before = country_id_of(person.id, date(2026, 11, 24))
    since = country_id_of(person.id, date(2026, 11, 25))
    assert (codes[before or 0], codes[since or 0]) == ("KE", "UG")


@pytest.mark.usefixtures("context")
def test_who_has_an_account_keeps_the_own_profile(make: Make, at: datetime) -> None:
    person = make.person(email="achieng@example.org", full_name="Achieng O.", country="TZ", password="long enough")
    answer, ids = publish(FILE, at)
    assert (answer.matched, answer.updated, ids[0]) == (1, 1, person.id)
    assert answer.notes[1] == "1 person has an account: their profile stays as it is."
    stored = find_person_by_email("achieng@example.org")
    assert stored is not None
    assert (stored.full_name, stored.sector) == ("Achieng O.", Sector.CIVIL_SOCIETY)
    tanzania = country_by_code("TZ")
    assert tanzania is not None
    assert country_id_of(person.id, at.date()) == tanzania.id


@pytest.mark.usefixtures("context")
def test_the_address_alone_is_enough_for_a_known_person(make: Make, at: datetime) -> None:
    person = make.person(email="known@example.org")
    answer, ids = publish("email\nknown@example.org\nunknown@example.org\n", at, skip=True)
    assert (answer.matched, answer.unchanged, ids) == (1, 1, [person.id])
    assert [fault.row for fault in answer.rejected] == [3]


@pytest.mark.usefixtures("context")
def test_what_is_no_file_of_people_is_refused() -> None:
    with pytest.raises(Invalid, match=r"There is no column “email”. The columns are: “name”, “country”\."):
        stage_people(b"name,country\nA,KE\n")
    with pytest.raises(Invalid, match="empty"):
        stage_people(b"")
    with pytest.raises(WrongKind):
        stage_people(b"\x89PNG\r\n\x1a\n")


@pytest.mark.usefixtures("context")
def test_only_administrators_publish(make: Make, at: datetime) -> None:
    staged = stage_people(FILE.encode())
    with pytest.raises(Forbidden):
        publish_people(staged, skip_bad_rows=False, by=make.actor(roles=["instructor"]), at=at)


@pytest.mark.usefixtures("context")
def test_the_field_of_a_fault_begins_its_reason_in_every_language() -> None:
    """Pages replace it by the reader's word. A colon as French writes it would hide it from them."""
    with speaking("fr", None):
        (fault,) = stage_people(b"email\nnobody@people.test\n").rejected
    assert fault.reason.startswith("full_name: Personne n’a ")
