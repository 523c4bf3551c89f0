"""The files of the demonstration: the same for the same seed, and of the size that is promised."""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from lms.catalogue.inputs import LECTURE_TEXTS, SERIES_TEXTS
from lms.core.base.settings import resource
from lms.core.text.i18n import LANGUAGES
from lms.core.text.translations import checked_translations, main_language
from lms.demo.generate import Demonstration
from lms.demo.population import FULL_SCALE, LARGE_FONTS_ONLY
from lms.demo.programme import load_countries, load_instructors, load_partners, load_series, read
from tests.demo.counting import attended_in

NOW = datetime(2026, 11, 25, 6, 12, tzinfo=UTC)


def _digest(demonstration: Demonstration) -> str:
    digest = hashlib.sha256()
    for series in demonstration.series:
        digest.update(demonstration.people_file(series))
        for file in demonstration.attendance_files(series):
            digest.update(file.content)
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = Demonstration(NOW, 600), Demonstration(NOW, 600)

    assert _digest(first) == _digest(second)
    assert _digest(first) != _digest(Demonstration(NOW, 600, seed=1))


@pytest.mark.long
def test_full_scale_reaches_the_headline_figures() -> None:
    demonstration = Demonstration(NOW)
    country = {member.email: member.country for member in demonstration.crowd.members + demonstration.guests}
    people: set[str] = set()
    attendances = sessions = 0

    for series in demonstration.series:
        for file in demonstration.attendance_files(series):
            attended = attended_in(file)
            sessions += 1
            attendances += len(attended)
            people |= attended

    assert sessions == 108
    assert len(people) > 100_000
    assert attendances >= 160_000
    assert len({country[email] for email in people}) == 80
    assert len(demonstration.crowd.members) == FULL_SCALE


@pytest.mark.parametrize("people", [400, 2000])
def test_every_country_has_somebody_who_attended_at_any_scale(people: int) -> None:
    demonstration = Demonstration(NOW, people)
    country = {member.email: member.country for member in demonstration.crowd.members + demonstration.guests}

    attended = {
        country[email]
        for series in demonstration.series
        for file in demonstration.attendance_files(series)
        for email in attended_in(file)
    }

    assert len(attended) == 80
    assert len(country) == people + 2


def test_too_few_people_are_refused() -> None:
    with pytest.raises(ValueError, match="400"):
        _ = Demonstration(NOW, 399).crowd


def test_only_enrolled_people_stand_in_attendance() -> None:
    demonstration = Demonstration(NOW, 600)

    for series in demonstration.series:
        enrolled = {member.email for member in demonstration.enrolled(series)}
        assert len(enrolled) == len(demonstration.enrolled(series))
        for file in demonstration.attendance_files(series):
            assert {line.split(b",")[0].decode() for line in file.content.splitlines()[1:]} <= enrolled


def test_certified_series_fit_the_fonts_but_for_one_deliberate_refusal() -> None:
    demonstration = Demonstration(NOW, 5000)
    odd = [
        (series.slug, member.native_name)
        for series in demonstration.series
        if series.certificate
        for member in demonstration.enrolled(series)
        if member.native_name and (member.script in LARGE_FONTS_ONLY or not member.script)
    ]

    assert odd == [("paperless-trade", "谭美玲")]


def test_everybody_is_invented_and_has_a_reserved_address() -> None:
    demonstration = Demonstration(NOW, 2000)

    for member in demonstration.crowd.members + demonstration.guests:
        assert member.email.endswith((".example", "@demo.test"))
        assert member.email.isascii()
    assert len({member.email for member in demonstration.crowd.members}) == 2000


def test_the_programme_holds_together() -> None:
    series = load_series(NOW)
    lectures = [lecture for plan in series for lecture in plan.lectures]
    states = defaultdict(int)
    for lecture in lectures:
        states[lecture.state] += 1
        if lecture.state == "held":
            assert lecture.starts_at < NOW
        elif lecture.state == "live":
            assert (NOW - lecture.starts_at).total_seconds() < 20 * 60
        else:
            assert lecture.starts_at > NOW
    known = {row["key"] for row in load_instructors()}

    assert [plan.slug for plan in series if plan.min_feedback] == ["digital-customs-for-officials"]
    assert states["held"] == 108
    assert states["live"] == 1
    assert min(states["scheduled"], states["draft"], states["postponed"], states["cancelled"]) >= 1
    assert {key for lecture in lectures for key in lecture.instructors} <= known
    assert min(lecture.starts_at.year for lecture in lectures) == 2020


def test_what_visitors_see_first_has_titles_in_all_languages() -> None:
    """Home, the list of series and the calendar begin with what is live and next."""
    going = [plan for plan in load_series(NOW) if plan.visibility == "public" and plan.lectures[-1].starts_at > NOW]
    rows = [*going, *(lecture for plan in going for lecture in plan.lectures)]
    assert len(rows) > 20
    for row in rows:
        titled = {code for code, texts in row.translations.items() if texts["title"]}
        assert titled | {main_language(row)} == set(LANGUAGES), row.title


def test_some_series_are_described_in_several_languages() -> None:
    plans = {plan.slug: plan for plan in load_series(NOW) if plan.translations}

    assert {"ar", "fr", "zh"} <= set(plans["cross-border-ecommerce"].translations)
    assert [lecture.number for lecture in plans["cross-border-ecommerce"].lectures if not lecture.translations] == []
    for plan in plans.values():
        drafts = [(SERIES_TEXTS, plan), *((LECTURE_TEXTS, lecture) for lecture in plan.lectures)]
        for fields, row in drafts:
            main = row.text_language or plan.text_language or row.language
            stored, faults = checked_translations(row.translations, fields, main=main)
            assert (stored, faults) == (row.translations, [])


def test_the_demonstrations_instructor_has_nothing_to_do_with_the_live_series() -> None:
    keys = {row["key"] for row in load_instructors() if row["email"] == "instructor@demo.test"}
    series = load_series(NOW)
    live = [plan for plan in series if any(lecture.state == "live" for lecture in plan.lectures)]
    own = [lecture for plan in series for lecture in plan.lectures if keys & set(lecture.instructors)]

    assert len(keys) == len(live) == 1
    assert not keys & set(live[0].instructors)
    assert not keys & {key for lecture in live[0].lectures for key in lecture.instructors}
    assert sum(lecture.state == "held" for lecture in own) > 10
    assert sum(lecture.state == "scheduled" for lecture in own) >= 3


def test_what_is_put_off_belongs_to_a_series_of_these_weeks() -> None:
    for plan in load_series(NOW):
        if any(lecture.state == "postponed" for lecture in plan.lectures):
            assert all((NOW - lecture.starts_at).days < 60 for lecture in plan.lectures)
        assert {key for lecture in plan.lectures for key in lecture.instructors} <= set(plan.instructors)


def test_no_instructor_is_in_two_places_at_once() -> None:
    own: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for plan in load_series(NOW):
        for lecture in plan.lectures:
            for key in lecture.instructors:
                own[key].append((lecture.starts_at, lecture.minutes))

    for taught in own.values():
        taught.sort()
        for (start, minutes), (following, _) in pairwise(taught):
            assert (following - start).total_seconds() >= minutes * 60


def test_dates_lie_back_even_where_the_clock_is_behind() -> None:
    early = datetime(2025, 3, 1, 12, tzinfo=UTC)

    held = [lecture for plan in load_series(early) for lecture in plan.lectures if lecture.state == "held"]

    assert len(held) == 108
    assert all(lecture.starts_at < early for lecture in held)


def test_countries_and_partners_are_those_promised() -> None:
    codes = {country.code for country in load_countries()}
    with (resource("seeds") / "countries.csv").open(encoding="utf-8", newline="") as file:
        known = {row["code"]: row for row in csv.DictReader(file)}
    with (resource("seeds") / "regions.csv").open(encoding="utf-8", newline="") as file:
        regions = {row["code"]: row["parent"] for row in csv.DictReader(file)}

    assert len(codes) == 80
    assert len(load_partners()) == 36
    assert set(load_partners()) <= codes <= set(known)
    assert len(known) == 250
    assert known["XK"]["iso"] == ""
    assert {row["m49_region"] for row in known.values()} <= set(regions)
    assert [code for code, parent in regions.items() if not parent] == ["001"]


def test_guests_are_present_only_where_they_enrol() -> None:
    guests = {row["email"] for row in read("guests.csv")}

    assert {row["email"] for row in read("guest_presence.csv")} == guests
