"""Certificates from all sides: the holder's own, whoever is shown one, and who makes designs and bundles."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from lms.catalogue.queries.policies import current_policy
from lms.certificates import numbers
from lms.certificates.actions import awards, changes
from lms.certificates.models import Certificate
from lms.certificates.queries import certificates
from lms.core.base.roles import SYSTEM
from lms.core.database.session import db
from lms.core.time import clock
from lms.people.models import Person
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.long]
PEOPLE = ("Valid", "Revoked", "Withdrawn", "Former")


@pytest.fixture
def issued(site: Site) -> dict[str, str]:
    """Four people with their certificates: the numbers by name."""
    make = site.make
    make.person("Zhou Anran", "zhou@example.org", roles=["administrator"], country="CN")
    series = make.series("village", title="Livestream commerce", policy={"certificate": "participation"})
    began = clock.now() - timedelta(days=3)
    held = make.lecture(
        series,
        title="Selling live",
        starts_at=began,
        actual_start=began,
        actual_end=began + timedelta(minutes=90),
        state="held",
        policy_id=site.within(lambda: current_policy(series.id).id),
        at=began,
    )
    people = [make.person(name, f"{name.lower()}@example.org", password="correct horse battery") for name in PEOPLE]
    for person in people:
        make.enrolment(series, person, at=began - timedelta(days=1))
    site.be_there(held, *people)
    site.within(lambda: awards.issue_certificates(series.id, by=SYSTEM, at=clock.now()))
    return site.within(lambda: {row.name: numbers.write(row.number) for row in db.session.scalars(select(Certificate))})


def file_of(site: Site, number: str) -> bytes:
    return site.within(lambda: certificates.get_pdf(number, by=SYSTEM))


def end_all_but_one(site: Site, issued: dict[str, str]) -> None:
    def rename() -> None:
        person = db.session.scalars(select(Person).where(Person.full_name == "Former")).one()
        person.full_name = "Present"
        db.session.commit()
        changes.supersede(person.id, by=SYSTEM, at=clock.now())

    site.within(lambda: changes.revoke(issued["Revoked"], reason="Was not there", by=SYSTEM, at=clock.now()))
    site.within(lambda: changes.withdraw(issued["Withdrawn"], by=SYSTEM, at=clock.now()))
    site.within(rename)


def test_whoever_drops_a_file_is_told_what_holds(
    site: Site, visit: Callable[[], Visitor], issued: dict[str, str]
) -> None:
    files = {name: file_of(site, number) for name, number in issued.items()}
    end_all_but_one(site, issued)
    valid = files["Valid"]
    changed = valid[:2000] + bytes([valid[2000] ^ 1]) + valid[2001:]
    visitor = visit()
    page = visitor.page

    def drop(content: bytes) -> tuple[str | None, str]:
        visitor.go("/verify")
        page.locator("input#file").set_input_files(
            {"name": "file.pdf", "mimeType": "application/pdf", "buffer": content}
        )
        page.locator("form[action='/verify'][method=post] button").click()
        page.wait_for_load_state()
        verdict = page.get_by_test_id("verdict")
        return verdict.get_attribute("data-state"), verdict.inner_text()

    visitor.go("/verify")
    visitor.is_accessible("verify")
    for content, state, words in (
        (valid, "valid", "This certificate is valid"),
        (files["Former"], "superseded", "Replaced by a corrected certificate"),
        (files["Revoked"], "revoked", "Revoked: this certificate is not valid"),
        (files["Withdrawn"], "withdrawn", "Withdrawn at the holder’s request"),
        (changed, "altered", "Altered: this file is not the one that was issued"),
        (b"%PDF-1.7\nanything\n%%EOF", "unknown", "Unknown: this file was not issued here"),
        (valid[: valid.index(b"%%EOF") + 6], "unknown", "This file has no signature"),
    ):
        assert drop(content) == (state, words)
        visitor.is_accessible(f"verify, {words}")
    # from a file without a signature to what was issued, and from the replaced one to its successor
    visitor.press("Show what was issued")
    assert page.get_by_test_id("verdict").get_attribute("data-state") == "valid"
    visitor.reads("Valid")
    drop(files["Former"])
    visitor.press("Show the current certificate")
    visitor.reads("Present")
    for name in ("Revoked", "Withdrawn", "Former"):
        visitor.go(f"/verify/{issued[name]}")
        visitor.is_accessible(f"number, {name}")


def test_a_holder_takes_file_badge_and_links(
    site: Site, sign_in: Callable[[str], Visitor], issued: dict[str, str]
) -> None:
    number = issued["Valid"]
    holder = sign_in("valid@example.org")
    page = holder.page
    holder.go("/me")
    assert page.get_by_test_id("certificate").get_attribute("data-number") == number
    holder.is_accessible("me, with a certificate")
    page.get_by_test_id("certificate").locator(f"a[href='/certificates/{number}']").first.click()
    page.wait_for_load_state()
    holder.is_accessible("own certificate")
    for testid, begins in (("download", b"%PDF-"), ("badge", b"\x89PNG")):
        with page.expect_download() as downloading:
            page.get_by_test_id(testid).click()
        assert downloading.value.path().read_bytes().startswith(begins)
    assert page.locator("#share").input_value() == f"{site.address}/verify/{number}"
    address = page.get_by_test_id("linkedin").get_attribute("href") or ""
    assert address.startswith("https://www.linkedin.com/profile/add?startTask=CERTIFICATION_NAME&name=")
    assert f"certId={number}" in address
    # the badge in hand proves itself as the file does
    badge = downloading.value.path()
    holder.go("/verify")
    page.locator("input#file").set_input_files(str(badge))
    page.locator("form[action='/verify'][method=post] button").click()
    assert page.get_by_test_id("verdict").get_attribute("data-state") == "valid"


def test_an_administrator_makes_a_design_and_sees_it_while_typing(
    site: Site, sign_in: Callable[[str], Visitor], issued: dict[str, str]
) -> None:
    visitor = sign_in("zhou@example.org")
    page = visitor.page
    visitor.go("/admin/designs")
    visitor.is_accessible("designs")
    visitor.press("Built-in design")
    visitor.is_accessible("built-in design")
    sheet = page.get_by_test_id("sheet")
    before = sheet.get_attribute("src") or ""
    page.locator("#look-form select[name=look-sample]").select_option("200")
    page.wait_for_function("src => document.querySelector('[data-testid=sheet]').src.indexOf(src) < 0", arg=before)
    assert "look-sample=200" in (sheet.get_attribute("src") or "")
    assert sheet.evaluate("async (picture) => { await picture.decode(); return picture.naturalWidth }") == 1684

    visitor.press("Make a copy")
    page.locator("main [name=name]").fill("Red")
    page.locator("main form[method=post] button[type=submit]").click()
    page.wait_for_url(re.compile(r"/admin/designs/\d+$"))
    visitor.is_accessible("design")
    before = sheet.get_attribute("src") or ""
    page.locator("#looks [name=signatory]").fill("Zhou Anran")
    page.wait_for_function("src => document.querySelector('[data-testid=sheet]').src.indexOf(src) < 0", arg=before)
    assert "/admin/designs/" in page.url, "the page stays"
    assert page.locator("#looks [name=signatory]").input_value() == "Zhou Anran"
    page.locator("#words [name=sentence]").fill("took {lectres}")
    page.locator("#sheet [role=alert]").wait_for()
    visitor.reads("Unknown placeholder {lectres}.")
    assert page.locator("#words [name=sentence]").input_value() == "took {lectres}"


@pytest.mark.parametrize("form", ["zip", "pdf"])
def test_all_certificates_are_taken_in_one_file(
    site: Site, sign_in: Callable[[str], Visitor], issued: dict[str, str], form: str
) -> None:
    visitor = sign_in("zhou@example.org")
    page = visitor.page
    visitor.go("/series/village/certificates")
    visitor.hook(f"bundle-{form}")
    visitor.is_accessible("a bundle that waits")
    site.work()
    page.reload()
    visitor.is_accessible("a bundle")
    with page.expect_download() as downloading:
        page.locator("main form[action^='/certificates/files/'] button").click()
    assert downloading.value.suggested_filename == f"certificates-village.{form}"
    assert downloading.value.path().read_bytes()[:4] == {"zip": b"PK\x03\x04", "pdf": b"%PDF"}[form]
