"""Every text that people read can be translated: it is marked, whole, and has its plural forms."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from jinja2 import Environment
from jinja2.ext import do
from jinja2.ext import i18n as translations

from tests.contracts import translatable
from tests.rows import each_row
from tools.messages import extract_messages, read_catalogue, read_comments

SCRIPTS = translatable.ROOT / "static" / "js"
_SENTENCE = re.compile(r"""["'`][A-Z][a-z]+ [a-z][^"'`]*["'`]""")


def test_texts_in_the_code_can_be_translated() -> None:
    assert list(translatable.python_faults()) == []


def test_texts_of_pages_and_mails_can_be_translated() -> None:
    assert list(translatable.template_faults()) == []


def test_scripts_have_no_sentences_of_their_own() -> None:
    found = [
        f"{path.name}: {match[0]}"
        for path in sorted(SCRIPTS.rglob("*.js"))
        for match in _SENTENCE.finditer(re.sub(r"^\s*//.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
    ]
    assert found == [], "a script reads its words from the page"


@each_row(
    "code, fault",
    [
        ('_(f"Hello {name}")', "plain string"),
        ('_("Hello {}".format(name))', "plain string"),
        ('_n("One", many, count)', "plain string"),
        ('_("Hello") + " dear reader"', "with +"),
        ("f\"{_('Hello')} dear reader\"", "f-string"),
        ('_("Hello").lower()', "lower()"),
        ('_("one lecture is left") if count == 1 else _("%(n)s lectures are left")', "use _n"),
        ('flash("The lecture was saved.")', "not marked"),
        ('raise_(Refused(f"The lecture {title} is live."))', "not marked"),
        ('StringField("Title")', "label"),
        ('Column("title", "Lecture")', "label"),
    ],
)
def test_a_fault_in_the_code_is_found(code: str, fault: str) -> None:
    found = [text for node in ast.walk(ast.parse(code)) for text in translatable.faults_of(node)]
    assert any(fault in text for text in found), found


@each_row(
    "source, fault",
    [
        ("<p>Your lectures</p>", "not in a message"),
        ('<input aria-label="Your lectures">', "not in a message"),
        ("{{ _(title) }}", "plain string"),
        ('{{ _("Hello") ~ " dear reader" }}', "with ~"),
        ('{{ _("Hello")|lower }}', "|lower"),
        ('{{ _("One lecture") if count == 1 else _("%(n)s lectures") }}', "use ngettext"),
        ('{% if count == 1 %}{{ _("One place") }}{% else %}{{ _("Many places") }}{% endif %}', "use ngettext"),
        ('<p>{{ _("Night hours:") }} {{ hours }}</p>', "use gap()"),
        ('<p>{{ _("No place is free.") }}\n  <a href="/">{{ name }}</a></p>', "use gap()"),
    ],
)
def test_a_fault_in_a_template_is_found(source: str, fault: str) -> None:
    env = Environment(extensions=[translations, do], autoescape=True)
    found = list(translatable.template_faults_of(env, source))
    assert any(fault in text for text in found), found


@each_row(
    "source",
    [
        '<p class="wide">{{ _("Your lectures") }}: {{ title }}</p>',
        "<p>{% trans name=name %}Dear {{ name }},{% endtrans %}</p>",
        '<a href="x.pdf">PDF</a>',
        "<code>lms init</code>",
    ],
)
def test_a_template_without_a_fault_passes(source: str) -> None:
    env = Environment(extensions=[translations, do], autoescape=True)
    assert list(translatable.template_faults_of(env, source)) == []


def test_no_two_messages_differ_by_a_full_stop_or_by_capitals() -> None:
    texts = {item.id if isinstance(item.id, str) else item.id[0] for item in read_catalogue() if item.id}
    by_form: dict[str, list[str]] = {}
    for text in texts:
        by_form.setdefault(re.sub(r"[.?!:…]+$", "", text).lower(), []).append(text)
    pairs = sorted(tuple(sorted(pair)) for pair in by_form.values() if len(pair) > 1)
    assert len(pairs) <= MOST_PAIRS, pairs


MOST_PAIRS = 44
"""How many pairs there are. Lower it when one is merged; it never rises."""


def test_each_comment_for_translators_is_on_a_message() -> None:
    texts = {item.id if isinstance(item.id, str) else item.id[0] for item in read_catalogue() if item.id}
    assert sorted(set(read_comments()) - texts) == []


def test_comments_in_code_and_templates_reach_the_catalogue(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (tmp_path / "code.py").write_text('# Translators: a verb\nx = _("Open this")\ny = _p("verb", "Close this")\n')
    (folder / "page.html").write_text(
        '{# Translators: a noun #}\n{{ _("Open that") }}{{ pgettext("noun", "Close that") }}'
    )
    messages = {(item.context, item.id): item.auto_comments for item in extract_messages(tmp_path) if item.id}
    assert messages[None, "Open this"] == ["Translators: a verb"]
    assert messages[None, "Open that"] == ["a noun"]  # Jinja leaves the tag out
    assert {("verb", "Close this"), ("noun", "Close that")} <= set(messages)
