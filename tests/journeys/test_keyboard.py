"""With the keyboard alone: Tab, Enter, Space and letters walk the main way of each role; the focus is always seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from lms.core.time import clock
from tests.factories import PASSWORD
from tests.journeys.conftest import Site, Visitor

pytestmark = [pytest.mark.xdist_group("pages"), pytest.mark.long]

FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return ["", "nothing"];
  const r = e.getBoundingClientRect(), s = getComputedStyle(e);
  const at = document.elementFromPoint(r.left + r.width / 2, r.top + Math.min(r.height / 2, innerHeight / 2));
  const seen = r.width >= 12 && r.height >= 12 && r.bottom > 0 && r.top < innerHeight
    && (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2)
    && at && (at === e || e.contains(at) || at.contains(e));
  const label = e.labels && e.labels.length ? e.labels[0].textContent : e.getAttribute("aria-label") || e.textContent;
  return [label.replace(/\\s+/g, " ").trim(), seen ? "seen" : `unseen ${e.outerHTML.slice(0, 120)}`];
}"""


class Keys:
    """Somebody without a mouse."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.page = visitor, visitor.page

    def tab(self) -> str:
        """One step on; what has the focus now, by its name. The focus must be seen."""
        self.page.keyboard.press("Tab")
        name, seen = self.page.evaluate(FOCUS)
        assert seen in {"seen", "nothing"}, f"{self.page.url}: {name}: {seen}"
        return str(name)

    def to(self, name: str) -> None:
        """Tabs on until something of this name has the focus: nothing traps it on the way."""
        passed = []
        for _step in range(120):
            focus = self.tab()
            if focus.startswith(name):
                return
            passed.append(focus)
        raise AssertionError(f"{name} is not reached on {self.page.url}: {passed}")

    def press(self, name: str) -> None:
        """Goes there and presses Enter; what comes is loaded."""
        self.to(name)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def write(self, name: str, text: str) -> None:
        """Goes to a field and types."""
        self.to(name)
        self.page.keyboard.type(text)

    def skip(self) -> None:
        """The first stop of a page leads past the masthead, to its main part."""
        assert self.tab() == "Skip to content"
        self.page.keyboard.press("Enter")
        self.tab()
        assert self.page.evaluate("document.querySelector('main').contains(document.activeElement)")

    def sign_in(self, email: str) -> None:
        """By the form; the first try is wrong, and its summary takes the focus and leads to the field."""
        self.visitor.go("/sign-in")
        self.press("Sign in")  # the masthead's link, to the same page
        self.write("E-mail", email)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        assert self.page.evaluate("document.activeElement.matches('.errors')")
        assert self.tab() == "Enter your password."
        self.page.keyboard.press("Enter")
        assert self.page.evaluate("document.activeElement.name") == "password"
        self.page.keyboard.type(PASSWORD)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        assert "/sign-in" not in self.page.url

    def goes_through(self, path: str) -> None:
        """Every stop of a page is seen, and the end is reached: no trap."""
        self.visitor.go(path)
        self.skip()
        for _step in range(400):
            if not self.tab():
                return
        raise AssertionError(f"the focus never leaves {path}")


@pytest.fixture
def keys(visit: Callable[[], Visitor]) -> Keys:
    return Keys(visit())


def test_a_trainee_enrols_and_reaches_the_room(site: Site, keys: Keys) -> None:
    lin = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = site.make.series("parcels", "From parcel to trade", instructors=[lin])
    began = clock.now() - timedelta(minutes=10)
    lecture = site.make.lecture(
        series, "Customs", starts_at=began, actual_start=began, state="live", instructors=[lin], join_url="https://m.example/1"
    )  # fmt: skip
    site.make.person("Achieng Odhiambo", "achieng@example.org", password=PASSWORD)
    keys.goes_through("/")
    keys.sign_in("achieng@example.org")
    keys.press("Series")
    keys.press("From parcel to trade")
    keys.press("Enrol")
    keys.visitor.reads("You are enrolled")
    keys.press("Go to the lecture")
    keys.press("Go to the lecture")
    assert keys.page.url.endswith(f"/lectures/{lecture.id}/room")
    for path in ("/me", "/series", f"/lectures/{lecture.id}/room", "/account", "/verify"):
        keys.goes_through(path)

    # the menu opens by Enter and closes by Escape, which gives the focus back
    keys.to("Achieng Odhiambo")
    keys.page.keyboard.press("Enter")
    assert keys.tab() == "Account"
    keys.page.keyboard.press("Escape")
    assert (
        keys.page.evaluate("document.activeElement.tagName + document.activeElement.parentElement.open")
        == "SUMMARYfalse"
    )


def test_staff_walk_their_desks(site: Site, visit: Callable[[], Visitor]) -> None:
    make = site.make
    lin = make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    make.person("Peter Kilonzo", "peter@example.org", roles=["focal_point"])
    make.person("Zhou Anran", "zhou@example.org", roles=["administrator"])
    series = make.series("origin", "Rules of origin", instructors=[lin])
    start = clock.now() - timedelta(days=2)
    times = {"starts_at": start, "actual_start": start, "actual_end": start + timedelta(minutes=90)}
    held = make.lecture(series, "Coffee", state="held", instructors=[lin], **times)
    make.enrolment(series, make.person("Achieng Odhiambo", "achieng@example.org"))
    instructor = Keys(visit())
    instructor.sign_in("lin@example.org")
    instructor.goes_through("/teach")
    instructor.visitor.go(f"/lectures/{held.id}")
    instructor.press("Roster")
    instructor.press("Achieng Odhiambo")
    instructor.to("Set result to")
    instructor.page.keyboard.type("Exc")
    instructor.write("Reason", "Held the fort at home.")
    instructor.press("Save correction")
    assert instructor.page.get_by_test_id("roster-row").get_attribute("data-outcome") == "excused"
    # from what is selected, the actions are one step away
    instructor.visitor.go(f"/lectures/{held.id}/roster")
    instructor.to("Select Achieng Odhiambo")
    instructor.page.keyboard.press("Space")
    assert instructor.tab() == "Go to actions"
    instructor.page.keyboard.press("Enter")
    assert (instructor.tab(), instructor.tab()) == ("Clear", "Mark as attended")
    instructor.page.keyboard.press("Shift+Tab")
    instructor.page.keyboard.press("Enter")
    assert not instructor.page.locator("#bulk").is_visible()
    instructor.goes_through(f"/lectures/{held.id}/edit")

    focal = Keys(visit())
    focal.sign_in("peter@example.org")
    focal.goes_through("/country")
    focal.press("Reports")
    focal.to("Other dates and filters")
    focal.page.keyboard.press("Enter")
    focal.to("Partnership")
    focal.press("Show report")
    focal.visitor.reads("0 participants from 0 countries in 0 sessions")

    administrator = Keys(visit())
    administrator.sign_in("zhou@example.org")
    for path in (
        "/admin",
        "/admin/people",
        "/admin/reports",
        "/series/origin/certificates",
        "/series/origin/enrolments",
    ):
        administrator.goes_through(path)


def test_partial_attendances_are_corrected_in_one_step_and_taken_back(site: Site, keys: Keys) -> None:
    make = site.make
    lin = make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = make.series("carbon", "Carbon rules", instructors=[lin])
    start = clock.now() - timedelta(days=2)
    times = {"starts_at": start, "actual_start": start, "actual_end": start + timedelta(minutes=90)}
    held = make.lecture(series, "At the border", state="held", instructors=[lin], **times)
    people = [make.person(f"Guest {number:02}", f"guest{number}@example.org") for number in range(32)]
    for person in people:
        make.enrolment(series, person)
    site.be_there(held, *people[:30], minutes=20)
    page = keys.page

    keys.sign_in("lin@example.org")
    keys.visitor.go(f"/lectures/{held.id}/roster")
    keys.press("30 partial")
    assert keys.visitor.heading() == "30 people attended part of this lecture"
    keys.visitor.is_accessible("roster, filtered")
    keys.to("Select the 30 on this page")
    page.keyboard.press("Space")
    keys.visitor.reads("Selected: 30")
    assert keys.tab() == "Go to actions"
    page.keyboard.press("Enter")
    assert (keys.tab(), keys.tab()) == ("Clear", "Mark as attended")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert keys.visitor.heading() == "Mark as attended: 30 people"
    keys.visitor.is_accessible("corrections, previewed")
    keys.write("Why are you correcting these records?", "The broadcast failed.")
    keys.press("Mark as attended")
    assert keys.visitor.heading() == "Attended: 30 people"
    keys.to("Undo this correction")
    page.keyboard.press("Enter")
    keys.visitor.is_accessible("corrections, done")
    keys.press("Undo for 30 people")
    assert keys.visitor.heading() == "Undone: 30 people have their earlier result back"
    keys.press("Go to the roster")
    assert page.get_by_test_id("figure-partial").get_attribute("data-value") == "30"
    keys.goes_through(f"/lectures/{held.id}/roster?outcome=partial&sort=short&size=50")


def test_why_somebody_has_no_certificate_is_three_presses_from_the_masthead(site: Site, keys: Keys) -> None:
    make = site.make
    lin = make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    make.person("Zhou Anran", "zhou@example.org", roles=["administrator"])
    sita = make.person("Sita Gurung", "sita@example.org", native_name="सीता गुरुङ", organisation="Export Centre")
    series = make.series("carbon", "Carbon rules", instructors=[lin], policy={"certificate": "participation"})
    start = clock.now() - timedelta(days=2)
    times = {"starts_at": start, "actual_start": start, "actual_end": start + timedelta(minutes=90)}
    held = make.lecture(series, "At the border", state="held", instructors=[lin], **times)
    make.enrolment(series, sita)
    site.be_there(held, sita, minutes=49)

    keys.sign_in("zhou@example.org")
    keys.write("Search the whole site", "सीता")
    with keys.page.expect_navigation():
        keys.page.keyboard.press("Enter")
    assert keys.visitor.heading() == "1 result for “सीता”"
    keys.visitor.is_accessible("search")
    keys.press("Sita Gurung")
    assert keys.visitor.heading() == "Sita Gurung"
    keys.visitor.reads(
        "No certificate yet for Carbon rules: 0 of the 1 lectures needed. 5 min short in “At the border”."
    )
    keys.visitor.is_accessible("person, for support")
    keys.press("Edit profile")
    keys.visitor.is_accessible("person, edited")
    for path in ("/search?q=s", f"/admin/people/{sita.public_id}", "/admin/people/new", "/admin/people?role=any"):
        keys.goes_through(path)
    keys.visitor.is_accessible("people, by role")
    keys.visitor.go("/admin/people/new")
    keys.visitor.is_accessible("person, added")


def test_eight_fridays_are_copied_from_last_year(site: Site, visit: Callable[[], Visitor]) -> None:
    lin = site.make.person("Lin Yuhan", "lin@example.org", roles=["instructor"])
    series = site.make.series("facilitation", "Trade facilitation", instructors=[lin])
    today = clock.now().replace(hour=14, minute=0, second=0, microsecond=0, tzinfo=None)
    friday = today - timedelta(days=300 + (today.weekday() - 4) % 7)
    for week in range(8):
        start = friday + timedelta(days=7 * week)
        site.make.lecture(series, f"Part {week + 1}", local_start=start, time_zone="UTC", instructors=[lin])
    taken = friday + timedelta(days=364 + 14, hours=1)
    site.make.lecture(
        site.make.series("depth", "In depth"), "In depth", local_start=taken, time_zone="UTC", instructors=[lin]
    )
    visitor = visit()
    keys, page = Keys(visitor), visitor.page
    keys.sign_in("lin@example.org")
    visitor.go("/series/facilitation")
    keys.press("Schedule")
    visitor.is_accessible("schedule of a series")
    keys.press("Copy this series")
    assert page.get_by_test_id("dates").get_attribute("data-open") == "1"
    visitor.is_accessible("copy of a series")
    keys.press("Create draft with 8 lectures")  # one date is to be decided first
    assert page.evaluate("document.activeElement.matches('.errors')")
    visitor.is_accessible("copy of a series, undecided")
    keys.to("What to do with")
    page.keyboard.type("Copy")
    assert page.get_by_test_id("decision").input_value() == "skip"
    keys.press("Create draft with 8 lectures")
    visitor.reads("The copy is saved as a draft.")
    assert page.locator("tbody tr").count() == 8
    assert page.get_by_text("No date").count() == 1

    first = friday + timedelta(days=364)
    visitor.go(f"/calendar?on={first:%Y-%m-%d}")
    assert page.locator(f"time[datetime='{first:%Y-%m-%d}'] ~ .is-own").count() == 1
    visitor.is_accessible("calendar, month")
    page.set_viewport_size({"width": 390, "height": 844})
    keys.press("Week")
    visitor.is_accessible("calendar, week on a phone")
