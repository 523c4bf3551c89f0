"""What the list of all series says of certificates is what the page of each series says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from apiflask import APIFlask
from sqlalchemy import select, update

from lms.catalogue.models import CertificateKind, Series
from lms.certificates.actions import awards
from lms.certificates.queries.earner_groups import EarnerGroup
from lms.certificates.queries.eligibility import preview
from lms.certificates.queries.progress import Totals, totals_of_series
from lms.core.base.errors import Forbidden
from lms.core.base.roles import ANONYMOUS, SYSTEM
from lms.core.database.session import action, db
from lms.enrolment.models import Enrolment, EnrolmentStatus
from lms.people.models import Person
from tests.certificates.conftest import Programme

Make = Callable[..., Programme]


def totals() -> dict[str, Totals]:
    """The totals of all series, by their web address."""
    slugs = dict(db.session.execute(select(Series.id, Series.slug)).all())
    return {slugs[key]: found for key, found in totals_of_series(slugs, by=SYSTEM).items()}


@pytest.mark.databases
def test_totals_are_those_of_each_series(app: APIFlask, programme: Make, at: datetime) -> None:
    first = programme({"Ada": "aaa", "Bo": "aa-", "Cy": "a--", "Di": "aaa"})
    second = programme({"Eve": "aa", "Flo": "ap", "Gil": "--"}, slug="second", held=2, confirmed_names=True)
    minutes = programme({"Hal": "aaa", "Ida": "aa-"}, slug="minutes", present=40, min_minutes=100)
    programme({"Jo": "aaa"}, slug="none", kind=None)
    programme({"Kim": ""}, slug="coming", held=0, to_come=2)
    with app.app_context():
        awards.issue_batch(first.series_id, CertificateKind.PARTICIPATION, [first.people["Ada"]], by=SYSTEM, at=at)
        assert totals() == {
            "livestream": Totals(3, 2),
            "second": Totals(1, 0),  # waits for the name
            "minutes": Totals(1, 1),
            "none": Totals(),
            "coming": Totals(),
        }
        for slug, found in totals().items():
            if slug != "none":
                assert found.to_issue == preview(slug, by=SYSTEM).counts[EarnerGroup.EARNED]

        @action
        def change() -> None:
            confirmed = update(Person).where(Person.id == second.people["Eve"]).values(name_confirmed_at=at)
            left = update(Enrolment).where(Enrolment.person_id == first.people["Bo"])
            db.session.execute(confirmed)
            db.session.execute(left.values(status=EnrolmentStatus.WITHDRAWN))
            merged = update(Person).where(Person.id == minutes.people["Ida"])
            db.session.execute(merged.values(erased_at=at))

        change()
        assert totals()["second"] == Totals(1, 1)
        assert totals()["livestream"] == Totals(2, 1)
        with pytest.raises(Forbidden):
            totals_of_series([first.series_id], by=ANONYMOUS)
