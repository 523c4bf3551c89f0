"""The macros of the look, as pages render them: without a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import wtforms
from apiflask import APIFlask
from flask import render_template_string
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from wtforms.fields.choices import SelectChoice

from lms.core.time import clock
from lms.web.pages.assets import asset

TEMPLATES = Path(__file__).parents[2] / "lms/web/templates"
NOW = datetime(2026, 11, 25, 6, 12, tzinfo=UTC)
CITIES = {"Africa/Nairobi": "Nairobi", "Asia/Shanghai": "Beijing", "America/Lima": "Lima"}


@pytest.fixture(autouse=True)
def page(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A request for /series of a reader in Nairobi."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr("lms.web.pages.time.viewer_zone", lambda: "Africa/Nairobi")
    with app.test_request_context("/series"):
        yield


def render(source: str, *, using: dict[str, Any] | None = None, **values: Any) -> str:
    """What the source makes of the values; runs of blanks count as one."""
    context = {"viewer_zone": "Africa/Nairobi", "organiser_zone": "Asia/Shanghai", "is_zone_known": True, "now": NOW}
    made = render_template_string(source, **context | (using or {}) | values)
    return re.sub(r"\s+", " ", made).replace("> <", "><").strip()


class Profile(wtforms.Form):
    full_name = wtforms.StringField("Full name", [wtforms.validators.InputRequired("Write your full name")])
    year = wtforms.StringField("Year", [wtforms.validators.Regexp(r"\d{4}$", message="Write four digits")])
    why = wtforms.RadioField(
        "Why",
        [wtforms.validators.InputRequired("Choose why you take part")],
        choices=[SelectChoice("sell", "I sell"), SelectChoice("rule", "I make rules")],
    )
    country = wtforms.SelectField("Country", choices=[SelectChoice("KE", "Kenya")])
    about = wtforms.TextAreaField("About you", description="In a few words.")
    agree = wtforms.BooleanField("I agree", [wtforms.validators.InputRequired("Agree, or leave")])


RIGHT = {"full_name": "Sutrisno", "year": "2019", "why": "sell", "country": "KE", "agree": "y"}
SUMMARY = '{% from "macros/forms.html" import errors_summary %}{{ errors_summary(form) }}'
FIELD = '{% from "macros/forms.html" import field %}{{ field(f, **more) }}'


def wrong_profile() -> Profile:
    form = Profile(MultiDict({"full_name": "", "year": "<19>", "country": "KE"}))
    assert not form.validate()
    return form


class TestForms:
    def test_field_is_label_hint_control(self) -> None:
        made = render(FIELD, f=Profile().full_name, more={"hint": "As in the passport.", "autocomplete": "name"})
        assert made == (
            '<div class="field"><label for="full_name">Full name</label>'
            '<p class="hint" id="full_name-h">As in the passport.</p>'
            '<input aria-describedby="full_name-h" autocomplete="name" class="form-control" id="full_name" '
            'name="full_name" required type="text" value=""></div>'
        )

    def test_wrong_field_names_its_error_and_keeps_what_was_typed(self) -> None:
        made = render(FIELD, f=wrong_profile().year, more={"hint": "Four digits.", "width": "w-5"})
        assert '<div class="field is-wrong"><label for="year">Year</label>' in made
        assert '<p class="err" id="year-e">Write four digits</p>' in made
        assert (
            '<input aria-describedby="year-h year-e" aria-invalid="true" class="form-control w-5" id="year" '
            'name="year" type="text" value="&lt;19&gt;">'
        ) in made

    def test_description_is_the_hint(self) -> None:
        made = render(FIELD, f=Profile().about, more={"optional": True})
        assert '<p class="hint" id="about-h">In a few words.</p>' in made
        assert 'About you <span class="quiet optional">(optional)</span></label>' in made
        assert '<textarea aria-describedby="about-h" class="form-control" id="about" name="about" rows="5">' in made

    def test_choices_are_a_fieldset(self) -> None:
        made = render(FIELD, f=wrong_profile().why, more={})
        assert made.startswith('<fieldset class="field is-wrong" aria-describedby="why-e"><legend>Why</legend>')
        assert 'id="why-0"' in made
        assert '<label for="why-0">I sell</label>' in made

    def test_select_and_checkbox(self) -> None:
        assert '<select class="select w-20" id="country" name="country">' in render(FIELD, f=Profile().country, more={})
        box = render(FIELD, f=wrong_profile().agree, more={})
        assert box.startswith('<div class="choice is-wrong"><input aria-describedby="agree-e" aria-invalid="true"')
        assert '<label for="agree">I agree</label>' in box

    def test_a_field_of_ones_own_kind_looks_like_its_parent(self) -> None:
        class Known(wtforms.SelectField):
            pass

        class Way(wtforms.RadioField):
            pass

        class Trip(wtforms.Form):
            zone = Known("Zone", choices=[SelectChoice("UTC", "UTC")])
            way = Way("Way", choices=[SelectChoice("a", "A")])

        assert '<select class="select w-20" id="zone"' in render(FIELD, f=Trip().zone, more={})
        assert render(FIELD, f=Trip().way, more={}).startswith('<fieldset class="field">')

    def test_summary_links_to_each_field(self) -> None:
        made = render(SUMMARY, form=wrong_profile())
        assert '<h2 id="errors-title">There are 4 problems</h2>' in made
        assert re.findall(r'<li><a href="#([^"]+)">([^<]+)</a></li>', made) == [
            ("full_name", "Write your full name"),
            ("year", "Write four digits"),
            ("why-0", "Choose why you take part"),
            ("agree", "Agree, or leave"),
        ]

    def test_summary_shows_what_belongs_to_no_field(self) -> None:
        form = Profile(MultiDict(RIGHT))
        assert form.validate()
        form.form_errors.append("The series is full.")
        made = render(SUMMARY, form=form)
        assert "<li>The series is full.</li>" in made
        assert '<h2 id="errors-title">There is a problem</h2>' in made

    def test_summary_reaches_into_nested_forms(self) -> None:
        class Outer(wtforms.Form):
            policy = wtforms.FormField(Profile)
            emails = wtforms.FieldList(
                wtforms.StringField("E-mail", [wtforms.validators.Length(min=3, message="Too short")])
            )

        typed = {"policy-full_name": "A", "policy-year": "2019", "policy-country": "KE", "emails-0": "x"}
        form = Outer(MultiDict(typed))
        assert not form.validate()
        made = render(SUMMARY, form=form)
        assert re.findall(r'href="#([^"]+)"', made) == ["policy-why-0", "policy-agree", "emails-0"]

    def test_no_summary_without_errors(self) -> None:
        assert render(SUMMARY, form=Profile()) == ""

    def test_post_carries_the_token(self) -> None:
        made = render(
            '{% from "macros/forms.html" import post, submit %}'
            '{% call post("/x", data_testid="f") %}{{ submit("Save", data_testid="go") }}{% endcall %}'
        )
        assert re.match(r'<form method="post" action="/x" data-testid="f" novalidate>', made)
        assert re.search(r'<input type="hidden" name="csrf_token" value="[^"]{20,}">', made)
        assert '<button type="submit" class="btn btn-go btn-big btn-full" data-testid="go">Save</button>' in made


class TestTime:
    WHEN = '{% from "macros/time.html" import when with context %}{{ when(at, 90, countdown=true) }}'

    def test_both_zones_are_named(self) -> None:
        made = render(self.WHEN, at=datetime(2026, 12, 2, 6, 0, tzinfo=UTC))
        assert made == (
            '<div class="when"><p class="here"><b>Wednesday 2 December 2026, '
            '<time class="nobr" datetime="2026-12-02T06:00:00+00:00">09:00–10:30</time></b>'
            "<small>Nairobi, your time</small></p>"
            '<p class="there"><b><time class="nobr" datetime="2026-12-02T06:00:00+00:00">14:00–15:30</time></b>'
            "<small>Beijing, the organiser’s time</small></p>"
            '<p class="in">Starts '
            '<time datetime="2026-12-02T06:00:00+00:00" data-countdown>in 7 days</time></p></div>'
        )

    def test_another_day_at_the_organisers_is_said(self) -> None:
        made = render(self.WHEN, at=datetime(2026, 12, 2, 20, 0, tzinfo=UTC))
        assert '<p class="there"><b>Thursday 3 December 2026, <time' in made

    def test_today_and_one_zone(self) -> None:
        at = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
        made = render(self.WHEN, at=at, using={"viewer_zone": "Asia/Shanghai"})
        assert '<b>Today, <time class="nobr" datetime="2026-11-25T06:00:00+00:00">14:00–15:30</time></b>' in made
        assert "<small>Beijing, your time and the organiser’s</small>" in made
        assert "there" not in made
        assert "Started <time" in made

    def test_an_unknown_zone_is_not_called_ones_own(self) -> None:
        at = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
        made = render(self.WHEN, at=at, using={"viewer_zone": "Asia/Shanghai", "is_zone_known": False})
        assert '<small>Beijing time · <a class="alone" href="/zone?next=/series"' in made
        assert "your time" not in made
        unsocial = '{% from "macros/time.html" import unsocial with context %}{{ unsocial(at) }}'
        late = datetime(2026, 11, 25, 17, 0, tzinfo=UTC)  # 01:00 in Beijing
        assert render(unsocial, at=late, using={"viewer_zone": "Asia/Shanghai", "is_zone_known": False}) == ""

    @pytest.mark.parametrize(("hour", "night"), [(1, True), (5, True), (6, False), (22, False), (23, True)])
    def test_unsocial_hours_are_said(self, hour: int, night: bool) -> None:
        at = datetime(2026, 12, 2, hour, 0, tzinfo=ZoneInfo("Africa/Nairobi"))
        made = render('{% from "macros/time.html" import unsocial with context %}{{ unsocial(at) }}', at=at)
        assert bool(made) is night


class TestFigures:
    def test_number_opens_rows_and_noun_opens_its_definition(self) -> None:
        made = render(
            '{% from "macros/figures.html" import figures %}{{ figures(items) }}',
            items=[
                {"name": "participants", "value": 104312, "label": "people", "note": "each once", "url": "/impact"},
                {"name": "rejected", "value": 6, "label": "rejected", "definition": False, "bad": True},
            ],
        )
        assert made == (
            '<dl class="figures digits-7"><div><dt><a href="/definitions#participants">people</a>'
            "<small>each once</small></dt>"
            '<dd class="big" data-testid="figure-participants" data-value="104312">'
            '<a href="/impact">104,312</a></dd></div>'
            '<div class="bad"><dt>rejected</dt>'
            '<dd class="big" data-testid="figure-rejected" data-value="6">6</dd></div></dl>'
        )

    def test_a_figure_is_whole_and_its_value_exact(self) -> None:
        source = '{% from "macros/figures.html" import figures %}{{ figures(items) }}'
        made = render(source, items=[{"name": "hours", "value": 10851.5, "label": "hours", "definition": False}])
        assert 'data-value="10851.5">10,852</dd>' in made

    def test_as_at_names_the_zone(self) -> None:
        made = render('{% from "macros/figures.html" import asat with context %}{{ asat(at) }}', at=NOW)
        assert "As at 25 November 2026, 14:12 in Beijing." in made

    def test_as_at_takes_a_further_sentence(self) -> None:
        source = '{% from "macros/figures.html" import asat with context %}{% call asat(at) %}Further.{% endcall %}'
        assert "in Beijing. Further. <a" in render(source, at=NOW)


class TestRoute:
    STOPS = (
        {"state": "done", "title": "First", "url": "/1", "meta": "28 October", "tag": "Attended", "words": "attended"},
        {"state": "missed", "title": "Second", "action": {"url": "/r", "label": "Recording"}},
        {"state": "now", "title": "Third", "box": Markup("<p>09:00</p>"), "tag": "Live now"},
        {"state": "cancelled", "title": "Fourth & last"},
    )

    def test_route_is_an_ordered_list_that_says_each_state(self) -> None:
        made = render('{% from "macros/route.html" import route %}{{ route(stops) }}', stops=self.STOPS)
        assert made.startswith('<ol class="route"><li class="stop is-done"><span class="dot"></span>')
        assert made.endswith("</ol>")
        assert made.count("<li ") == 4
        assert '<a href="/1">First</a></h3><p class="meta">28 October</p>' in made
        assert '<span class="tag is-done">Attended</span>' in made
        assert 'Second<span class="hide">: missed</span>' in made
        assert '<a class="btn btn-small" href="/r">Recording</a>' in made
        assert '<li class="stop is-now" aria-current="step">' in made
        assert '<div class="box stack"><p>09:00</p></div>' in made
        assert 'Fourth &amp; last<span class="hide">: Cancelled</span>' in made

    def test_key_says_each_shape_once(self) -> None:
        stops = [*self.STOPS, {"state": "done", "title": "Fifth"}]
        made = render('{% from "macros/route.html" import key %}{{ key(stops) }}', stops=stops)
        assert "attended or held" in made
        assert re.findall(r'<li class="is-(\w+)">', made) == ["done", "missed", "now", "cancelled"]

    def test_mini_route_keeps_words(self) -> None:
        made = render('{% from "macros/route.html" import route_mini %}{{ route_mini(stops) }}', stops=self.STOPS)
        assert made.startswith('<ol class="route-mini" aria-label="Lectures of this series"><li class="is-done">')
        assert re.findall(r'<span class="hide">([^<]+)</span>', made) == [
            "Lecture 1: attended",
            "Lecture 2: missed",
            "Lecture 3: Live now",
            "Lecture 4: Cancelled",
        ]


class TestPictures:
    def test_bar_lengths_are_attributes(self) -> None:
        rows = [{"label": "Registrations", "value": 200}, {"label": "Certificates", "value": 43, "url": "/c"}]
        made = render('{% from "macros/pictures.html" import bars %}{{ bars(rows) }}', rows=rows)
        assert re.findall(r'<rect width="([\d.]+)"', made) == ["100.0", "21.5"]
        assert '<a href="/c">Certificates</a>' in made
        assert "style=" not in made

    def test_columns_mark_the_year_that_is_not_over(self) -> None:
        rows = [{"label": "2025", "value": 50}, {"label": "2026", "value": 25, "partial": True}]
        made = render('{% from "macros/pictures.html" import cols %}{{ cols(rows) }}', rows=rows)
        assert '<rect x="1.5" y="0.0" width="7" height="100.0" />' in made
        assert '<rect class="part-year" x="11.5" y="50.0" width="7" height="50.0" />' in made
        assert re.findall(r"<li>(\d+)</li>", made) == ["50", "40", "30", "20", "10", "0"]
        assert '<b aria-hidden="true">25</b><span aria-hidden="true">2026</span></li>' in made
        assert re.findall(r'class="hide">([^<]*)<', made) == ["2025: 50", "2026: 25"]

    def test_a_curve_has_a_value_axis_that_holds_its_highest(self) -> None:
        made = render('{% from "macros/pictures.html" import curve %}{{ curve([0, 388, 97], ["09:00", "10:30"]) }}')
        assert re.findall(r"<li>(\d+)</li>", made) == ["400", "300", "200", "100", "0"]
        assert '<polyline class="lin" points="0.0,100.0 50.0,3.0 100.0,75.75" />' in made
        assert made.count('class="line"') == 4
        assert '<ol class="axis" aria-hidden="true"><li>09:00</li>' in made

    def test_pictures_of_nothing_are_empty(self) -> None:
        assert render('{% from "macros/pictures.html" import bars, cols %}{{ bars([]) }}{{ cols([]) }}') == (
            '<ol class="bars"></ol>'
        )

    def test_map_names_each_country(self) -> None:
        label = SimpleNamespace(x=570.4, y=242.0, anchor="start")
        bubble = SimpleNamespace(name="Kenya", value=4278, partner=True, x=551.0, y=238.0, radius=16.4, label=label)
        made = render('{% from "macros/pictures.html" import map %}{{ map([b], "participants") }}', b=bubble)
        assert '<circle class="bub bub-p" cx="551.0" cy="238.0" r="16.4"><title>' in made
        assert "Kenya, partner country, participants: 4,278" in made
        assert '<text x="570.4" y="242.0" text-anchor="start" direction="ltr">Kenya</text>' in made
        assert re.search(r'<svg [^>]*role="img"[^>]*><g aria-hidden="true">.*</g></svg>', made, re.DOTALL)

    def test_gauge_says_what_it_shows(self) -> None:
        made = render('{% from "macros/pictures.html" import gauge %}{{ gauge(2519000, 5430000, 3258000) }}')
        assert "41 of 90 minutes; 55 needed" in made
        assert '<path class="need" d="M54.3 0v10" />' in made


class TestStates:
    def test_job_under_way_can_be_left(self) -> None:
        job = SimpleNamespace(state="running", done=1640, total=1964)
        made = render('{% from "macros/states.html" import job %}{{ job(j) }}', j=job)
        assert '<p class="said">1,640 of 1,964</p><progress max="1964" value="1640">1,640 of 1,964</progress>' in made
        assert "You can close this page" in made

    def test_job_done_says_so(self) -> None:
        job = SimpleNamespace(state="done", done=3, total=3)
        made = render('{% from "macros/states.html" import job %}{{ job(j) }}', j=job)
        assert "Refresh" not in made
        assert "Done." in made

    def test_note_and_empty(self) -> None:
        made = render(
            '{% from "macros/states.html" import note, empty %}{{ note("wrong", "A", "b <") }}'
            '{{ empty("None yet", "Choose one.", {"url": "/series", "label": "Find a series"}) }}'
        )
        assert '<div class="note is-wrong"><h2>A</h2><p>b &lt;</p></div>' in made
        assert '<p class="row"><a class="btn btn-go" href="/series">Find a series</a></p>' in made

    def test_a_list_folds_unless_only_a_few_of_its_rows_would_be_behind(self) -> None:
        source = (
            '{% from "macros/page.html" import folded %}'
            '{% call(some) folded(rows, 3, "More") %}<p>{{ some|join(",") }}</p>{% endcall %}'
        )
        assert render(source, rows=[1, 2, 3, 4, 5]) == "<p>1,2,3,4,5</p>"
        assert render(source, rows=[1, 2, 3, 4, 5, 6]) == (
            '<p>1,2,3</p><details class="more"><summary>More</summary><p>4,5,6</p></details>'
        )

    @pytest.mark.parametrize(
        ("state", "mark"),
        [("valid", "is-done"), ("superseded", "is-missed"), ("revoked", "is-gone"), ("withdrawn", "is-missed")],
    )
    def test_verdict_is_shape_and_words(self, state: str, mark: str) -> None:
        made = render('{% from "macros/states.html" import verdict %}{{ verdict(state) }}', state=state)
        assert f'<span class="{mark}"><span class="dot"></span></span>' in made
        assert f'data-state="{state}"' in made


class TestBase:
    PAGE = '{% extends "base.html" %}{% block title %}Series{% endblock %}{% block lede %}Free.{% endblock %}'

    def test_page_for_somebody_unknown(self) -> None:
        made = render(self.PAGE)
        assert '<html lang="en" dir="ltr">' in made
        assert "<title>Series – Serai</title>" in made
        assert '<a class="skip" href="#main">Skip to content</a>' in made
        assert '<h1>Series</h1><p class="lede">Free.</p>' in made
        assert re.search(r'<a href="/sign-in[^"]*">Sign in</a>', made)
        assert '<button type="submit" name="lang" value="ar" lang="ar">العربية</button>' in made
        assert 'class="desk"' not in made
        assert "nowbar" not in made

    def test_page_has_no_inline_code_and_no_htmx(self) -> None:
        made = render(self.PAGE)
        assert "style=" not in made
        assert "<style" not in made
        assert " on" not in re.sub(r">[^<]*<", "><", made).replace(" online", "")
        assert re.findall(r"<script([^>]*)>", made) == [f' src="{asset("page.js")}" defer']

    def test_desk_follows_the_roles(self) -> None:
        someone = SimpleNamespace(is_signed_in=True, roles={"instructor"}, full_name="Lin Yuhan")
        made = render(self.PAGE, using={"actor": someone})
        desk = made[made.index('class="desk"') : made.index("<main")]
        assert re.findall(r'href="([^"]+)"', desk) == [
            "/teach",
            "/appeals",
            "/unmatched",
        ]
        assert "<bdi>Lin Yuhan</bdi>" in made
        assert '<form method="post" action="/sign-out">' in made
        assert '<a href="/me">My lectures</a>' in made

    def test_live_lecture_is_said_everywhere(self) -> None:
        began = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)
        titles = {"title": "Getting paid", "language": "en", "text_language": None, "translations": {}}
        live = [SimpleNamespace(id=7, actual_start=began, **titles)]
        made = render(self.PAGE, using={"live_lectures": live})
        bar = made[made.index('class="nowbar"') : made.index("</aside>")]
        assert "<bdi>Getting paid</bdi>" in bar
        assert "12 minutes ago" in bar
        assert 'href="/lectures/7"' in bar

    def test_messages_are_notes(self) -> None:
        messages = [("message", "Saved."), ("error", "Not saved.")]
        made = render(self.PAGE, using={"get_flashed_messages": lambda with_categories: messages})
        assert '<div class="note"><p>Saved.</p></div><div class="note is-wrong"><p>Not saved.</p></div>' in made

    def test_right_to_left(self) -> None:
        assert '<html lang="ar" dir="rtl">' in render(self.PAGE, using={"locale": "ar", "direction": "rtl"})

    @pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429, 500, 503])
    def test_errors_say_the_next_step(self, status: int) -> None:
        made = render('{% extends "error.html" %}', status=status, detail="The series is full.")
        assert f'<p class="over">Error {status}</p>' in made
        assert '<p class="lede">The series is full.</p>' in made
        assert 'class="btn btn-go btn-full"' in made
        assert len(re.findall(r"<h1>[^<]+</h1>", made)) == 1


def test_macros_that_need_the_context_are_imported_with_it() -> None:
    """Without it the viewer's zone would be missing, in silence."""
    needing = re.compile(r'\{%-? *from "macros/(?:time|figures)\.html" import ([^%]*)%\}')
    bare = [
        f"{path.name}: {found[0].strip()}"
        for path in TEMPLATES.parents[1].rglob("templates/**/*.html")
        for found in needing.finditer(path.read_text(encoding="utf-8"))
        if "with context" not in found[0] and not re.fullmatch(r"figures\s*-?", found[1].strip())
    ]
    assert bare == []
