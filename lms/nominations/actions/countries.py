"""Changes to nominations when two countries are merged, or parted again."""

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import aliased

from lms.catalogue.models import SERIES_TITLE, Series
from lms.core.base.errors import Refused
from lms.core.base.events import CountriesMerged, CountryMergeUndone
from lms.core.database.bulk import among
from lms.core.database.session import read
from lms.core.text.i18n import _n
from lms.core.text.translations import reader_text
from lms.enrolment.models import SeatKind
from lms.enrolment.quota_merges import part_quota
from lms.nominations.models import OPEN, Nomination, ProfileRequest
from lms.people.actions.country_merging import move_back, move_rows, moved_rows


def unite_country(event: CountriesMerged) -> None:
    """Within an action: lets nominations be of the country kept. Raises Refused where both nominated one person."""
    other = aliased(Nomination)
    both = (
        select(Nomination.full_name, *SERIES_TITLE)
        .join(other, (other.series_id == Nomination.series_id) & (other.email_key == Nomination.email_key))
        .join(Series, Series.id == Nomination.series_id)
        .where(Nomination.country_id == event.merged_id, other.country_id == event.kept_id)
        .where(Nomination.state.in_(OPEN), other.state.in_(OPEN))
        .order_by(Nomination.id)
    )
    rows = read(both)
    if rows:
        raise Refused(
            _n(
                "Both countries have nominated %(name)s for “%(series)s”. Reject or withdraw one of the two first.",
                "Both countries have nominated the same %(num)s people for the same series, such as %(name)s for "
                "“%(series)s”. Reject or withdraw one nomination of each first.",
                len(rows),
                name=rows[0].full_name,
                series=reader_text(rows[0]),
            )
        )
    move_rows(Nomination.country_id, event)
    move_rows(ProfileRequest.country_id, event)


def part_country(event: CountryMergeUndone) -> None:
    """Within an action: gives nominations back, and the seats of the quota that are held for their nominees."""
    query = select(Nomination.series_id, Nomination.person_id).where(
        among(Nomination.id, moved_rows(Nomination.country_id, event)),
        Nomination.country_id == event.kept_id,
        Nomination.seat_kind == SeatKind.QUOTA,
    )
    held: dict[int, list[int | None]] = defaultdict(list)
    for series_id, person_id in read(query.order_by(Nomination.series_id, Nomination.id)):
        held[series_id].append(person_id)
    for series_id, people in held.items():
        part_quota(series_id, people, event)
    move_back(Nomination.country_id, event)
    move_back(ProfileRequest.country_id, event)
