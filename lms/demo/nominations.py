"""Nominations in the demonstration: a series by nomination, to which twenty countries have proposed some four hundred
people in every state there is, one of each country with a letter of endorsement. Nominees answer by the link of their
mail, as real ones do."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesInput
from lms.catalogue.models import Admission, CertificateKind, LectureState, Visibility
from lms.core.bulk import among
from lms.core.db import db
from lms.core.outbox import OutboxMail
from lms.core.roles import SYSTEM, Actor
from lms.core.typesetting import CannotRender, draw, font_folders, typeset
from lms.demo.follow_up import KENYA, actor_of
from lms.demo.mails import keep_as_sent
from lms.demo.population import Member, Newcomers
from lms.demo.programme import ORGANISER_ZONE, CountryPlan, read
from lms.enrolment.quota_files import QuotaRow, StagedQuotas
from lms.enrolment.quotas import set_quotas
from lms.nominations.actions.answering import Acceptance, accept, decline
from lms.nominations.actions.decision_batches import decide
from lms.nominations.actions.invitations import expire_due, remind
from lms.nominations.actions.letters import attach_letter, read_letter
from lms.nominations.actions.nominating import nominate, withdraw_nominations
from lms.nominations.actions.profile_requests import TEMPLATE, answer_request, ask_to_confirm
from lms.nominations.models import Nomination, ProfileField
from lms.nominations.queries.profile_requests import ChangedProfile, Difference
from lms.people.actions.files import PersonRow
from lms.people.models import Gender, Person, Sector
from lms.people.queries.countries import country_names, get_country
from lms.people.queries.persons import ids_by_email
from lms.people.rules import email_key

SLUG = "single-window-leaders"
TITLE = "Single window: for those who lead it"
COUNTRIES = 20
SEATS, CAPACITY = 22, 480
KEPT_FOR = timedelta(days=9)
AT_MOST = 80
"""So many are looked through for people whom nobody knows yet."""
EARLY, LATER, NOW = 12, 7, 2
"""So many people a country nominates three weeks ago, last week, and yesterday."""
ACCEPT = 5, 2
"""So many of the first, and of the next, accept."""
TITLES = (
    ("Whose window is it?", "Law, mandate and budget: what a single window needs before the first screen."),
    ("Twelve agencies, one form", "How data were agreed on in three countries, and what was left out."),
    ("Opening day", "Switching over without stopping the border: pilots, paper in parallel, and a date."),
    ("After the first year", "What to count, what to publish, and how to keep traders' trust."),
)
_LETTER = Path(__file__).parent / "design" / "endorsement.typ"
HOURS = 15, 20, 9, 15
"""The hours of the four lectures: the night comes to other countries in turn."""
REASONS = (
    "On leave until January",
    "I have changed my office",
    "The hours do not fit my time zone",
    "I attended a similar course last year",
)


def take_in(countries: Sequence[CountryPlan], instructor: str, admin: str, *, now: datetime, seed: int) -> None:
    """Makes the series, keeps seats for the countries, and nominates for each of them."""
    began = now - timedelta(days=40)
    series_id = _make_series(instructor, now=now, at=began)
    chosen = _with_focal_point(countries)
    rows = [QuotaRow(place, one.code, SEATS, now + KEPT_FOR) for place, one in enumerate(chosen, 1)]
    set_quotas(SLUG, StagedQuotas(rows, total=len(rows)), by=SYSTEM, at=began)
    newcomers = Newcomers(chosen, seed)
    focal = {row["country"]: row["email"] for row in read("focal_points.csv")} | {"KE": KENYA}
    decides = actor_of(admin, now)
    for place, country in enumerate(chosen):
        by = actor_of(focal[country.code], now) if country.code in focal else SYSTEM
        people = _unknown(newcomers.of(country.code, AT_MOST))[: EARLY + LATER + NOW * 2]
        _of_country(series_id, country.code, people, place, by=by, decides=decides, now=now)
    keep_as_sent(now)


def _make_series(instructor: str, *, now: datetime, at: datetime) -> int:
    first = (now + timedelta(days=24)).astimezone(ORGANISER_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [first.replace(tzinfo=None, hour=hour) + timedelta(weeks=week) for week, hour in enumerate(HOURS)]
    draft = SeriesInput(
        slug=SLUG,
        title=TITLE,
        description="Four lectures for officials whom their ministry nominates.",
        language="en",
        visibility=Visibility.PUBLIC,
        admission=Admission.NOMINATION,
        nominations_need_approval=True,
        starts_on=days[0].date(),
        ends_on=days[-1].date(),
        capacity=CAPACITY,
        instructors=(instructor,),
        policy=PolicyInput(min_lectures_percent=75, certificate=CertificateKind.COMPLETION),
    )
    series = create_series(draft, by=SYSTEM, at=at)
    for (title, abstract), day in zip(TITLES, days, strict=True):
        lecture = LectureInput(
            title=title,
            abstract=abstract,
            starts_at=day,
            time_zone=ORGANISER_ZONE.key,
            duration_minutes=90,
            language="en",
            instructors=(instructor,),
            join_url=f"https://meet.lectures.example/{SLUG}",
            state=LectureState.SCHEDULED,
        )
        schedule_lecture(SLUG, lecture, by=SYSTEM, at=at)
    return series.id


def _with_focal_point(countries: Sequence[CountryPlan]) -> list[CountryPlan]:
    """Twenty countries: those with a focal point, then the largest."""
    own = {"KE", *(row["country"] for row in read("focal_points.csv"))}
    ranked = sorted(countries, key=lambda one: (one.code not in own, -one.weight, one.code))
    return ranked[:COUNTRIES]


def _unknown(members: Sequence[Member]) -> list[Member]:
    """Those whose addresses are nobody's yet."""
    known = ids_by_email([email_key(one.email) for one in members])
    return [one for one in members if email_key(one.email) not in known]


def _of_country(
    series_id: int, code: str, people: Sequence[Member], place: int, *, by: Actor, decides: Actor, now: datetime
) -> None:
    country_id = get_country(code).id
    lines = iter([_row(line, one) for line, one in enumerate(people, 2)])

    def propose(count: int, at: datetime, *, submit: bool = True) -> list[str]:
        rows = [row for _number, row in zip(range(count), lines, strict=False)]
        made = nominate(series_id, rows, country_id=country_id, by=by, at=at, submit=submit)
        return [*made.submitted, *made.drafted]

    early = propose(EARLY, now - timedelta(days=21))
    decide(early[:1], approve=False, reason="Not an official", by=decides, at=now - timedelta(days=20))
    decide(early[1:], approve=True, by=decides, at=now - timedelta(days=20, hours=-place))
    answers = _links(early[1:])
    keep_as_sent(now - timedelta(days=19))
    for number, (secret, one) in zip(range(ACCEPT[0]), answers, strict=False):
        accept(secret, _acceptance(one, code), at=now - timedelta(days=18 - number, hours=place))
    secret, _declined = next(answers)
    decline(secret, REASONS[place % len(REASONS)], at=now - timedelta(days=15))
    if code == "KE":
        _ask_to_confirm(early[1:3], by=by, at=now - timedelta(days=12))
    withdraw_nominations(early[7:8], by=by, at=now - timedelta(days=14))
    if place % 2:
        remind(series_id, country_id, by=by, at=now - timedelta(days=10))
    keep_as_sent(now - timedelta(days=10))
    expire_due(at=now - timedelta(days=5))
    later = propose(LATER, now - timedelta(days=7))
    decide(later, approve=True, by=decides, at=now - timedelta(days=6))
    for number, (secret, one) in zip(range(ACCEPT[1]), _links(later), strict=False):
        accept(secret, _acceptance(one, code), at=now - timedelta(days=5 - number))
    waiting = propose(NOW, now - timedelta(days=1, hours=place % 9))
    _endorse(waiting[0], as_picture=place % 2 == 1, by=by, at=now - timedelta(hours=place % 9))
    propose(NOW, now - timedelta(hours=3), submit=False)


def _ask_to_confirm(public_ids: Sequence[str], *, by: Actor, at: datetime) -> None:
    """Asks two nominees who accepted whether they have another job now; the first one says yes."""
    field = ProfileField.JOB_TITLE
    changed = []
    for one in db.session.scalars(select(Nomination).where(among(Nomination.public_id, public_ids))):
        assert one.person_id is not None, "the nominee accepted"
        person = db.session.get_one(Person, one.person_id)
        now = person.job_title or ""
        changed.append(ChangedProfile(person.id, person.full_name, [Difference(field, now, "Head of section")]))
    ask_to_confirm(changed, country_id=get_country("KE").id, by=by, at=at)
    mails = select(OutboxMail).where(OutboxMail.template == TEMPLATE).order_by(OutboxMail.id)
    secret = db.session.scalars(mails.limit(1)).one().payload["secret"]
    answer_request(secret, {field: True}, at=at + timedelta(hours=5))


def _endorse(public_id: str, *, as_picture: bool, by: Actor, at: datetime) -> None:
    """Attaches a letter of endorsement, as the ministry sent it or photographed."""
    one = db.session.scalars(select(Nomination).where(Nomination.public_id == public_id)).one()
    inputs = {
        "country": country_names("en")[one.country.code],
        "name": one.full_name,
        "organisation": one.organisation or "",
        "series": TITLE,
        "day": at.date().isoformat(),
    }
    try:
        if as_picture:
            name, content = "endorsement.png", draw(_LETTER, inputs, font_folders(), ppi=72)
        else:
            name, content = "endorsement.pdf", typeset(_LETTER, inputs, font_folders())
    except CannotRender:  # a name in a script that has no font here
        return
    attach_letter(public_id, read_letter(io.BytesIO(content), name), by=by, at=at)


def _row(line: int, one: Member) -> PersonRow:
    return PersonRow(
        line=line,
        email=one.email,
        key=email_key(one.email),
        full_name=one.full_name,
        native_name=one.native_name.strip() or None,
        sector=Sector(one.sector),
        organisation=one.organisation or None,
        job_title=one.job_title or None,
        gender=Gender(one.gender) if one.gender else None,
    )


def _acceptance(one: Nomination, code: str) -> Acceptance:
    return Acceptance(full_name=one.full_name, native_name=one.native_name, country=code, consent=True)


def _links(public_ids: Sequence[str]) -> Iterator[tuple[str, Nomination]]:
    """The secret of each invitation as its mail has it, with its nomination."""
    query = select(Nomination).where(among(Nomination.public_id, public_ids)).order_by(Nomination.id)
    found = list(db.session.scalars(query))
    addresses = [one.email for one in found]
    mails = select(OutboxMail.address, OutboxMail.payload).where(among(OutboxMail.address, addresses))
    secrets = {address: payload["secret"] for address, payload in db.session.execute(mails) if "secret" in payload}
    return iter([(secrets[one.email], one) for one in found])
