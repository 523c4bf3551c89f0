"""Nominations in the demonstration: a series by nomination, to which twenty countries (fewer in a small demonstration)
have proposed some four hundred people in every state there is, one of each country with a letter of endorsement.
Nominees answer by the link of their mail, as real ones do."""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select

from lms.catalogue.actions.lectures import schedule_lecture
from lms.catalogue.actions.series import create_series
from lms.catalogue.inputs import LectureInput, PolicyInput, SeriesInput
from lms.catalogue.models import Admission, CertificateKind, Visibility
from lms.core.base.roles import SYSTEM, Actor
from lms.core.database.bulk import among
from lms.core.database.session import action, db
from lms.core.text.typesetting import CannotRender, draw, font_folders, typeset
from lms.demo.mails import keep_as_sent
from lms.demo.population import Maker, Member
from lms.demo.programme import ORGANISER_ZONE, CountryPlan, read, read_json
from lms.demo.staff import KENYA, actor_of
from lms.enrolment.quota_files import QuotaRow, StagedQuotas
from lms.enrolment.quotas import set_quotas
from lms.mail.outbox import OutboxMail
from lms.nominations.actions.answering import Acceptance, accept, decline
from lms.nominations.actions.decision_batches import decide
from lms.nominations.actions.invitations import expire_due, remind
from lms.nominations.actions.letters import attach_letter, read_letter
from lms.nominations.actions.nominating import nominate, withdraw_nominations
from lms.nominations.actions.profile_requests import TEMPLATE, answer_request, ask_to_confirm
from lms.nominations.models import Nomination, ProfileField
from lms.nominations.queries.profile_requests import ChangedProfile, ProfileDifference
from lms.people.models import Gender, Person, Sector
from lms.people.people_files import PersonRow
from lms.people.queries.countries import country_names, get_country
from lms.people.queries.persons import ids_by_email
from lms.people.rules import email_key

SLUG = "single-window-leaders"
COUNTRIES = 20
PEOPLE_OF_A_COUNTRY = 100
"""In a small demonstration, one country for each hundred people nominates."""
SEATS = 22
KEPT_FOR = timedelta(days=9)
AT_MOST = 80
"""The number of people searched for unknown ones, at a time."""
DRAWS = 200
"""The number of searches at most: of a million people, few addresses are still nobody's."""
EARLY, LATER, NOW = 12, 7, 2
"""The number of people that a country nominates three weeks ago, last week, and yesterday."""
ACCEPT = 5, 2
"""The number of the first, and of the next, who accept."""
_LETTER = Path(__file__).parent / "design" / "endorsement.typ"
_SEEDS = read_json("nominations.json")


def take_in(
    countries: Sequence[CountryPlan], instructor: str, admin: str, *, people: int, now: datetime, seed: int
) -> None:
    """Makes the series, keeps seats for the countries, and nominates for each of them."""
    began = now - timedelta(days=40)
    series_id = _make_series(instructor, now=now, at=began)
    chosen = _with_focal_point(countries)[: people // PEOPLE_OF_A_COUNTRY]
    rows = [QuotaRow(place, one.code, SEATS, now + KEPT_FOR) for place, one in enumerate(chosen, 1)]
    set_quotas(SLUG, StagedQuotas(rows, total=len(rows)), by=SYSTEM, at=began)
    maker = Maker(chosen, Random(f"{seed}:newcomers").random)  # noqa: S311  invented, not a secret
    focal = {row["country"]: row["email"] for row in read("focal_points.csv")} | {"KE": KENYA}
    delegations = []
    for place, country in enumerate(chosen):
        by = actor_of(focal[country.code], now) if country.code in focal else SYSTEM
        newcomers = _newcomers(maker, country.code, EARLY + LATER + NOW * 2)
        nominees = iter([_row(line, member) for line, member in enumerate(newcomers, 2)])
        delegations.append(Delegation(series_id, country.code, place, by, nominees))
    _nominate(delegations, decides=actor_of(admin, now), now=now)
    keep_as_sent(now)


def _make_series(instructor: str, *, now: datetime, at: datetime) -> int:
    first = (now + timedelta(days=24)).astimezone(ORGANISER_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [first.replace(tzinfo=None, hour=hour) + timedelta(weeks=week) for week, hour in enumerate(_SEEDS["hours"])]
    draft = SeriesInput(
        **_SEEDS["series"],
        slug=SLUG,
        visibility=Visibility.PUBLIC,
        admission=Admission.NOMINATION,
        nominations_need_approval=True,
        starts_on=days[0].date(),
        ends_on=days[-1].date(),
        instructors=(instructor,),
        policy=PolicyInput(min_lectures_percent=75, certificate=CertificateKind.COMPLETION),
    )
    series = create_series(draft, by=SYSTEM, at=at)
    same: dict[str, Any] = {"time_zone": ORGANISER_ZONE.key, "language": "en", "instructors": (instructor,)}
    url = f"https://meet.lectures.example/{SLUG}"
    for row, day in zip(_SEEDS["lectures"], days, strict=True):
        schedule_lecture(SLUG, LectureInput(**row, **same, starts_at=day, join_url=url), by=SYSTEM, at=at)
    return series.id


def _with_focal_point(countries: Sequence[CountryPlan]) -> list[CountryPlan]:
    """Twenty countries: those with a focal point, then the largest."""
    with_focal_points = {"KE", *(row["country"] for row in read("focal_points.csv"))}
    ranked = sorted(
        countries, key=lambda country: (country.code not in with_focal_points, -country.weight, country.code)
    )
    return ranked[:COUNTRIES]


def _newcomers(maker: Maker, code: str, count: int) -> list[Member]:
    """As many people of a country as are asked for, whose addresses are nobody's yet."""
    newcomers: list[Member] = []
    for _turn in range(DRAWS):
        newcomers += _unknown([maker.make(code, certified=True) for _number in range(AT_MOST)])
        if len(newcomers) >= count:
            return newcomers[:count]
    raise RuntimeError(f"{code}: only {len(newcomers)} people can be nominated")


def _unknown(members: Sequence[Member]) -> list[Member]:
    """Those whose addresses are nobody's yet."""
    known = ids_by_email([email_key(member.email) for member in members])
    return [member for member in members if email_key(member.email) not in known]


@dataclass(frozen=True)
class Delegation:
    """The people whom a country nominates: `rows` are those who are still to be nominated, `place` is the country's
    number."""

    series_id: int
    code: str
    place: int
    by: Actor
    rows: Iterator[PersonRow]

    def nominate(self, count: int, at: datetime, *, submit: bool = True) -> list[str]:
        """Nominates the next people; returns their public ids."""
        rows = list(islice(self.rows, count))
        country_id = get_country(self.code).id
        made = nominate(self.series_id, rows, country_id=country_id, by=self.by, at=at, submit=submit)
        return [*made.submitted, *made.drafted]


def _nominate(delegations: Sequence[Delegation], *, decides: Actor, now: datetime) -> None:
    """Nominates in three rounds. Decisions are made for all countries at once, as an administrator does."""
    early = [each.nominate(EARLY, now - timedelta(days=21)) for each in delegations]
    decide([ids[0] for ids in early], approve=False, reason="Not an official", by=decides, at=now - timedelta(days=20))
    decide([id_ for ids in early for id_ in ids[1:]], approve=True, by=decides, at=now - timedelta(days=20))
    links = [_links(ids[1:]) for ids in early]
    keep_as_sent(now - timedelta(days=19))
    for each, ids, answers in zip(delegations, early, links, strict=True):
        _answer(each, ids, answers, now=now)
    keep_as_sent(now - timedelta(days=10))
    expire_due(at=now - timedelta(days=5))
    later = [each.nominate(LATER, now - timedelta(days=7)) for each in delegations]
    decide([id_ for ids in later for id_ in ids], approve=True, by=decides, at=now - timedelta(days=6))
    for each, ids in zip(delegations, later, strict=True):
        _accept(each, islice(_links(ids), ACCEPT[1]), at=now - timedelta(days=5))
    for each in delegations:
        waiting = each.nominate(NOW, now - timedelta(days=1, hours=each.place % 9))
        _endorse(waiting[0], as_picture=each.place % 2 == 1, by=each.by, at=now - timedelta(hours=each.place % 9))
        each.nominate(NOW, now - timedelta(hours=3), submit=False)


@action
def _answer(each: Delegation, ids: Sequence[str], answers: Iterator[tuple[str, Nomination]], *, now: datetime) -> None:
    """Of those whom a country nominated first some accept, one declines and one is withdrawn; others are reminded."""
    _accept(each, islice(answers, ACCEPT[0]), at=now - timedelta(days=18, hours=each.place))
    reasons = _SEEDS["reasons to decline"]
    secret, _declined = next(answers)
    decline(secret, reasons[each.place % len(reasons)], at=now - timedelta(days=15))
    if each.code == "KE":
        _ask_to_confirm(ids[1:3], by=each.by, at=now - timedelta(days=12))
    withdraw_nominations(ids[7:8], by=each.by, at=now - timedelta(days=14))
    if each.place % 2:
        remind(each.series_id, get_country(each.code).id, by=each.by, at=now - timedelta(days=10))


@action
def _accept(each: Delegation, answers: Iterable[tuple[str, Nomination]], *, at: datetime) -> None:
    for number, (secret, nomination) in enumerate(answers):
        accept(secret, _acceptance(nomination, each.code), at=at + timedelta(days=number))


def _ask_to_confirm(public_ids: Sequence[str], *, by: Actor, at: datetime) -> None:
    """Asks two nominees who accepted whether they have another job now; the first one says yes."""
    field = ProfileField.JOB_TITLE
    changed = []
    for nomination in db.session.scalars(select(Nomination).where(among(Nomination.public_id, public_ids))):
        assert nomination.person_id is not None, "the nominee accepted"
        person = db.session.get_one(Person, nomination.person_id)
        now = person.job_title or ""
        changed.append(ChangedProfile(person.id, person.full_name, [ProfileDifference(field, now, "Head of section")]))
    ask_to_confirm(changed, country_id=get_country("KE").id, by=by, at=at)
    mails = select(OutboxMail).where(OutboxMail.template == TEMPLATE).order_by(OutboxMail.id)
    secret = db.session.scalars(mails.limit(1)).one().payload["secret"]
    answer_request(secret, {field: True}, at=at + timedelta(hours=5))


def _endorse(public_id: str, *, as_picture: bool, by: Actor, at: datetime) -> None:
    """Attaches a letter of endorsement, as the ministry sent it or photographed."""
    nomination = db.session.scalars(select(Nomination).where(Nomination.public_id == public_id)).one()
    inputs = {
        "country": country_names("en")[nomination.country.code],
        "name": nomination.full_name,
        "organisation": nomination.organisation or "",
        "series": _SEEDS["series"]["title"],
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


def _row(line: int, member: Member) -> PersonRow:
    return PersonRow(
        line=line,
        email=member.email,
        key=email_key(member.email),
        full_name=member.full_name,
        native_name=member.native_name.strip() or None,
        sector=Sector(member.sector),
        organisation=member.organisation or None,
        job_title=member.job_title or None,
        gender=Gender(member.gender) if member.gender else None,
    )


def _acceptance(nomination: Nomination, code: str) -> Acceptance:
    return Acceptance(full_name=nomination.full_name, native_name=nomination.native_name, country=code, consent=True)


def _links(public_ids: Sequence[str]) -> Iterator[tuple[str, Nomination]]:
    """The secret of each invitation as its mail has it, with its nomination."""
    query = select(Nomination).where(among(Nomination.public_id, public_ids)).order_by(Nomination.id)
    nominations = list(db.session.scalars(query))
    addresses = [nomination.email for nomination in nominations]
    mails = select(OutboxMail.address, OutboxMail.payload).where(among(OutboxMail.address, addresses))
    secrets = {address: payload["secret"] for address, payload in db.session.execute(mails) if "secret" in payload}
    return iter([(secrets[nomination.email], nomination) for nomination in nominations])
