"""Two people side by side, what a merge would change, the merge, and its undoing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from lms.core.base.roles import SYSTEM, Role
from lms.people.actions.access import disable_person, grant_role
from lms.people.actions.duplicates import mark_different
from lms.people.actions.merging import merge_people
from lms.people.actions.persons import change_profile
from lms.people.models import Person
from lms.people.queries.duplicates import are_different
from lms.people.queries.persons import person_id_of
from lms.reports.recount import facts_differences
from lms.reports.recounted_rows import RecountRows
from tests.dashboards.conftest import World
from tests.factories import PASSWORD
from tests.forms import token_in
from tests.reports.world import World as Stored

pytestmark = pytest.mark.databases


@pytest.fixture
def administrator(world: World) -> FlaskClient:
    return world.signed_in(world.make.person("Ada Min", roles=["administrator"]))


def figures(text: str, name: str) -> list[str]:
    """The numbers of a line of a table."""
    row = re.search(rf'data-testid="moves-{name}">(.*?)</tr>', text, re.DOTALL)
    assert row is not None
    return re.findall(r"<td[^>]*>(?:<b>)?([\d,]+)", row[1])


def said(text: str, name: str) -> str:
    """What a paragraph says."""
    found = re.search(rf'data-testid="{name}"[^>]*>(.*?)</(?:p|div)>', text, re.DOTALL)
    assert found is not None, name
    return " ".join(re.sub(r"<[^>]+>", "", found[1]).split())


def post(client: FlaskClient, path: str, below: str = "", **fields: str) -> str:
    """Sends the form of a page, to the page or `below` it; returns the page that follows."""
    return client.post(
        path + below, data={"csrf_token": token_in(client.get(path).text), **fields}, follow_redirects=True
    ).text


@pytest.fixture
def twin(world: World) -> Person:
    """Another record of the trainee, who attended part of the same lecture at another time."""
    twin = world.make.person("Sita K. Gurung", email="s.gurung@two.example", organisation="Customs")
    world.make.enrolment(world.series, twin, at=world.at - timedelta(days=60))
    world.be_there(world.held[1], world.trainee, (0, 49))
    world.be_there(world.held[1], twin, (60, 72))
    return twin


@pytest.mark.databases
def test_two_are_compared_merged_with_chosen_details_and_parted_again(
    world: World, administrator: FlaskClient, twin: Person
) -> None:
    kept, path = world.trainee, f"/admin/people/{world.trainee.public_id}/merge/{twin.public_id}"
    text = administrator.get(path).text
    assert figures(text, "lectures") == ["1", "0", "2"]
    assert figures(text, "series") == ["1", "1", "1"]
    assert said(text, "shared") == (
        "Both records have part of “Finding the market”: 49 and 12 minutes. "
        "Together 61 minutes count. It counts as attended."
    )
    assert said(text, "totals") == "In our totals: participants 1 → 1. Attendances 1 → 2."
    assert administrator.get(path).text.count(said(text, "totals")[-16:]) == 1  # looking changes nothing
    assert "Say how you know that this is the same person." in post(administrator, path, organisation="second")
    after = post(administrator, path, reason="Confirmed on the telephone", organisation="second", email="second")
    assert "2 lectures attended · 1 series" in said(after, "united")
    assert figures(after, "lectures") == ["1", "0"]
    assert said(after, "totals") == "In our totals: participants 1 → 1. Attendances 2 → 1."
    person = administrator.get(f"/admin/people/{kept.public_id}").text
    assert "Customs" in person
    assert f'data-testid="merge-{twin.public_id}"' in person
    assert "Confirmed on the telephone" in person
    parted = post(administrator, f"/admin/people/{kept.public_id}/merged/{twin.public_id}")
    assert "The merge was undone." in parted
    assert "Customs" not in parted
    with world.make.app.app_context():
        assert person_id_of(twin.public_id) == twin.id
        assert facts_differences(RecountRows("Asia/Shanghai")) == []


def test_a_certificate_issued_on_united_evidence_is_named_before_undo(
    world: World, administrator: FlaskClient, twin: Person
) -> None:
    world.be_there(world.held[0], twin, (0, 90))
    with world.make.app.app_context():
        merge_people(world.trainee.public_id, twin.public_id, by=SYSTEM, at=world.at)
    Stored(world.make.app).award(world.series.id, world.trainee.id, world.at)
    text = administrator.get(f"/admin/people/{world.trainee.public_id}/merged/{twin.public_id}").text
    assert "was issued since the merge and would not be earned by this record alone" in said(text, "unearned")


@pytest.mark.databases
def test_someone_who_was_in_two_places_at_once_is_warned_of(
    world: World, administrator: FlaskClient, twin: Person
) -> None:
    world.be_there(world.held[0], twin, (10, 40))
    text = administrator.get(f"/admin/people/{world.trainee.public_id}/merge/{twin.public_id}").text
    assert "Both were in one lecture at the same time." in said(text, "similarity")


def test_duplicates_are_offered_until_they_are_said_to_be_different(world: World, administrator: FlaskClient) -> None:
    twin = world.make.person("Achieng Odiambo", email="a.odiambo@two.example", organisation="Customs")
    path = f"/admin/people/{world.trainee.public_id}"
    assert "possible-duplicates" not in administrator.get(path).text
    with world.make.app.app_context():
        change_profile(world.trainee.public_id, {"organisation": "Kenya Customs"}, by=SYSTEM, at=world.at)
    assert said(administrator.get(path).text, "possible-duplicates") == "1 possible duplicate"
    found = administrator.get(f"{path}/merge?q=odiambo").text
    assert found.count(f"{path}/merge/{twin.public_id}") == 2
    compare = f"{path}/merge/{twin.public_id}"
    after = post(administrator, compare, "/different")
    assert "possible-duplicates" not in after
    assert "Marked as different people" in administrator.get(compare).text
    post(administrator, compare, "/different", undo="1")
    assert "possible-duplicates" in administrator.get(path).text


def test_who_has_others_merged_into_them_is_merged_the_other_way_round(
    world: World, administrator: FlaskClient, twin: Person
) -> None:
    third = world.make.person("Sita Third")
    with world.make.app.app_context():
        merge_people(twin.public_id, third.public_id, by=SYSTEM, at=world.at)
        mark_different(third.public_id, world.trainee.public_id, by=SYSTEM, at=world.at)
    text = administrator.get(f"/admin/people/{world.trainee.public_id}/merge/{twin.public_id}").text
    assert "Other people were merged into this person." in text
    assert "Marked as different people" in text
    assert 'data-testid="merge"' not in text
    answer = administrator.get(f"/admin/people/{twin.public_id}/merge/{third.public_id}")
    assert answer.headers["Location"].endswith(f"/admin/people/{twin.public_id}#merges")
    assert administrator.get(f"/admin/people/{twin.public_id}/merge/{twin.public_id}").status_code == 404


def test_a_disabled_account_is_named_in_the_preview_and_stays_disabled(
    world: World, administrator: FlaskClient, twin: Person
) -> None:
    path = f"/admin/people/{world.trainee.public_id}/merge/{twin.public_id}"
    assert 'data-testid="disabled"' not in administrator.get(path).text
    with world.make.app.app_context():
        disable_person(twin.public_id, by=SYSTEM, at=world.at)
    warned = said(administrator.get(path).text, "disabled")
    assert "The merged account is disabled too, unless you select the box." in warned
    assert 'name="enable"' in administrator.get(path).text
    assert "The two records are one now" in post(administrator, path, reason="Same passport", enable="y")


@pytest.mark.databases
def test_the_api_keeps_that_two_people_are_different(world: World, twin: Person) -> None:
    head = world.make.headers(world.make.person("Ada Min", roles=["administrator"]))
    client, path = world.make.app.test_client(), f"/api/v1/people/{world.trainee.public_id}/different"
    for _again in range(2):
        assert client.post(path, headers=head, json={"other": twin.public_id}).json == {"different": True}
    with world.make.app.app_context():
        assert are_different(world.trainee.id, twin.id)
    assert client.post(f"{path}/undo", headers=head, json={"other": twin.public_id}).json == {"different": False}
    with world.make.app.app_context():
        assert not are_different(world.trainee.id, twin.id)
    assert client.post(path, headers=head, json={"other": world.trainee.public_id}).status_code == 409


def test_a_role_asks_for_the_password_and_code_of_whoever_merges(world: World, twin: Person) -> None:
    boss = world.make.person("Ada Min", roles=["administrator"], password=PASSWORD)
    administrator, path = world.signed_in(boss), f"/admin/people/{world.trainee.public_id}/merge/{twin.public_id}"
    assert 'data-testid="proof"' not in administrator.get(path).text
    with world.make.app.app_context():
        grant_role(twin.public_id, Role.REPORTER, by=SYSTEM, at=world.at)
    token = world.make.token(world.trainee)
    page = administrator.get(path).text
    assert "has these roles: Reporter." in said(page, "proof")
    assert said(page, "tokens") == "One API token of the two records is revoked."
    for password, fault in (
        ("", "Enter your current password to merge them."),
        ("wrong", "This is not your current password."),
    ):
        answer = post(administrator, path, reason="Same passport", current_password=password)
        assert fault in answer
        assert 'data-testid="proof"' in answer
    assert "The two records are one now" in post(administrator, path, reason="Same passport", current_password=PASSWORD)
    assert administrator.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_the_api_asks_for_the_password_where_one_has_a_role(world: World, twin: Person) -> None:
    boss = world.make.person("Ada Min", roles=["administrator"], password=PASSWORD)
    head, client = world.make.headers(boss), world.make.app.test_client()
    with world.make.app.app_context():
        grant_role(twin.public_id, Role.REPORTER, by=SYSTEM, at=world.at)
    path = f"/api/v1/people/{world.trainee.public_id}/merge"
    given = {"other": twin.public_id, "reason": "Same passport"}
    refused = client.post(path, headers=head, json=given)
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "current_password")
    assert client.post(path, headers=head, json={**given, "current_password": PASSWORD}).status_code == 200
