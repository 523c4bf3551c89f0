"""A focal point: enrols one of the own country, and sees no one else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lms.core.text.i18n import language_tag
from lms.people.queries.countries import country_names
from tests.journeys.conftest import Site, Visitor, translations

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.every_site]


def test_enrols_one_and_sees_the_own_country_only(site: Site, sign_in: Callable[..., Visitor], language: str) -> None:
    site.make.person("Peter Mutua", "peter@example.org", roles=[("focal_point", "KE")], locale=language)
    series = site.make.series("border", title="Digital customs for border officials")
    site.make.lecture(series)
    foreigner = site.make.person("Nguyen Thi Chau", "chau@example.org", country="VN")
    site.make.enrolment(series, foreigner)
    visitor = sign_in("peter@example.org", language)
    page, words = visitor.page, visitor.words

    visitor.go("/country")
    assert page.locator("html").get_attribute("lang") == language_tag(language)
    assert visitor.heading() == site.within(lambda: country_names(language)["KE"])
    registered = "%(n)s person from your country is registered.", "%(n)s people from your country are registered."
    visitor.reads(translations(language).ngettext(*registered, 1) % {"n": 1})
    visitor.is_accessible("country")

    # one of the own country
    page.get_by_test_id("open-border").get_by_text(words("Enrol someone")).click()
    form = page.get_by_test_id("enrol-border")
    form.locator("[name=email]").fill("wambui@example.org")
    form.locator("[name=full_name]").fill("Wambui Njeri Kamau")
    form.get_by_role("button", name=translations(language).pgettext("somebody else", "Enrol")).click()
    visitor.reads(words("%(name)s is enrolled.") % {"name": "Wambui Njeri Kamau"})
    visitor.reads_not("Nguyen")
    visitor.is_accessible("enrolments")
    site.work()
    assert "Digital customs" in site.last_mail("wambui@example.org")

    visitor.go("/country?q=wambui")
    assert page.get_by_test_id("person").count() == 1
    visitor.reads("Wambui Njeri Kamau")
    visitor.go("/country?q=nguyen")
    visitor.reads("Nothing found")
    visitor.is_accessible("country, nobody found")

    # one of another's: the reason is said, what was typed stays
    visitor.go("/country")
    page.get_by_test_id("open-border").get_by_text(words("Enrol someone")).click()
    form = page.get_by_test_id("enrol-border")
    form.locator("[name=email]").fill("chau@example.org")
    form.get_by_role("button", name=translations(language).pgettext("somebody else", "Enrol")).click()
    visitor.reads("Focal points can only enrol people from their own country.")
    visitor.reads_not("Nguyen")
    assert page.locator("main [name=email]").input_value() == "chau@example.org"
    visitor.is_accessible("enrolments, wrong")

    # what is not there for a focal point
    for path, status in (("/admin", 403), ("/teach", 403), ("/country?country=VN", 404)):
        answer = page.goto(site.address + path)
        assert answer is not None
        assert answer.status == status
    visitor.is_accessible("not here")
