"""Everyone whom the names in files of a lecture can match, with supporting evidence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from lms.core.base.roles import Actor
from lms.enrolment.queries.sharing import hidden_among
from lms.people.name_matching import CandidateIndex, PersonSummary
from lms.people.queries.countries import country_names
from lms.people.queries.country_names import names_in_english


def as_seen(people: Collection[PersonSummary], series_id: int, by: Actor) -> list[PersonSummary]:
    """These people as the actor sees them in a series: of some the address alone, in place of the name."""
    hidden = hidden_among(series_id, [one.person_id for one in people], by=by)
    return [
        replace(one, full_name=next(iter(one.mailboxes), ""), native_name=None, organisation=None, country=None)
        if one.person_id in hidden
        else one
        for one in people
    ]


def crowd_of(people: list[PersonSummary], languages: Collection[str] = ("en",)) -> CandidateIndex:
    """An index of these people by name; country names are matched in English and in `languages`."""
    named = [country_names(language) for language in dict.fromkeys(("en", *languages))]
    codes = {one.country for one in people if one.country is not None}
    names_by_code = {
        code: {names[code] for names in named if code in names} | set(names_in_english(code)) for code in codes
    }
    return CandidateIndex(people, names_by_code)
