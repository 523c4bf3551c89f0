"""What needs doing stands on the page of each role, with the link to do it."""

from __future__ import annotations

import re
from datetime import timedelta

from lms.attendance.models.appeals import Appeal, AppealState
from lms.catalogue.models import Lecture
from lms.core.database.session import action, db
from lms.nominations.models import Nomination, NominationState
from lms.people.models import PersonEmail
from lms.people.queries.countries import get_country
from tests.dashboards.conftest import World


def part(page: str, id_: str) -> str:
    """The text of a part of a page; empty where there is none."""
    found = re.search(rf'<section class="part" id="{id_}">(.*?)</section>', page, re.DOTALL)
    return re.sub(r"\s+", " ", found[1]) if found else ""


def test_a_person_sees_invitations_answers_and_recordings_until_they_are_old(world: World) -> None:
    client = world.signed_in(world.trainee)
    assert part(client.get("/me").text, "todo") == ""
    other = world.make.series("invited-to", "Green trade", admission="nomination")
    with world.make.app.app_context():

        @action
        def write() -> None:
            email = db.session.query(PersonEmail).filter_by(person_id=world.trainee.id).one()
            db.session.add(
                Nomination(series_id=other.id, country_id=get_country("KE").id, email=email.address,
                           email_key=email.key, full_name="Achieng", state=NominationState.INVITED,
                           created_at=world.at, expires_at=world.at + timedelta(days=3))
            )  # fmt: skip
            for lecture, age in ((world.held[0], 1), (world.held[1], 30)):
                ended_at = world.at - timedelta(days=age)
                db.session.add(
                    Appeal(lecture_id=lecture.id, person_id=world.trainee.id, filed_at=ended_at, ended_at=ended_at,
                           state=AppealState.DECLINED, text="I was there")
                )  # fmt: skip
            missed = db.session.get_one(Lecture, world.held[1].id)
            missed.recording_url = "https://video.example.org/1"
            missed.actual_end = world.at - timedelta(days=2)

        write()
    shown = part(client.get("/me").text, "todo")
    assert "Green trade" in shown
    assert "/series/invited-to" in shown
    assert "Your appeal was declined" in shown
    assert shown.count("Your appeal") == 1, "an old answer is no news"
    assert "Its recording is available" in shown
    stranger = world.signed_in(world.make.person())
    assert part(stranger.get("/me").text, "todo") == ""
