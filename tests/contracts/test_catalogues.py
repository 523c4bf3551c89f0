"""Each catalogue has every message, with its placeholders, tags, plural forms and the language's own typography."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from tests.rows import each_row
from tools import catalogues
from tools.catalogues import PLURALS, TRANSLATED, forms, problems
from tools.messages import read_catalogue

GLOSSARIES = Path(__file__).resolve().parents[2] / "docs" / "glossary"


@each_row("code", TRANSLATED)
def test_a_catalogue_is_complete_and_right(code: str) -> None:
    catalogue = catalogues.read(code)
    keys = {(entry.id, entry.context) for entry in catalogue if entry.id}
    assert keys == {(message.id, message.context) for message in read_catalogue() if message.id}, "run `make messages`"
    faults = [f"{entry.id}: {problem}" for entry in catalogue if entry.id for problem in problems(code, entry)]
    assert not faults, "\n".join(faults)


@each_row("code", TRANSLATED)
def test_a_catalogue_has_the_plural_forms_of_its_glossary(code: str) -> None:
    assert PLURALS[code].rstrip(";") in (GLOSSARIES / f"{code}.md").read_text(encoding="utf-8")
    assert f'"Plural-Forms: {PLURALS[code]}\\n"' in catalogues.path_of(code).read_text(encoding="utf-8")


@each_row(
    "code, source, text, problem",
    [
        ("fr", "Save", "", "is not translated"),
        ("fr", "%(n)s files", "Fichiers", "has the placeholders"),
        ("fr", "%(n)s %% of it", "%(n)s % du total", "has a single %"),
        ("es", "Hello <b>you</b>", "Hola", "has the tags"),
        ("pt", " and ", "e", "begins or ends with other spaces"),
        ("pt", "It is saved.", "Foi guardado", "does not end with '.'"),
        ("pt", "Save", "Guardar.", "ends with '.'"),
        ("fr", "Really?", "Vraiment ?", "a mark without a narrow no-break space"),
        ("fr", "Name: %(name)s", "Nom : %(name)s", "a colon without a no-break space"),
        ("fr", "The “file”", 'Le "fichier"', "quotation marks"),
        ("fr", "You are", "Vous l'êtes", "a typewriter apostrophe"),
        ("es", "Really?", "Seguro?", "a question without ¿"),
        ("es", "Thanks!", "Gracias!", "an exclamation without ¡"),
        ("ru", "Serai - a site", "Serai - сайт", "a hyphen in place of a dash"),
        ("ar", "Really?", "حقا?", "a Latin comma, semicolon or question mark"),
        ("ar", "10 files", "١٠ ملفات", "digits other than 0–9"),
        ("zh", "Saved. Go on", "已保存. 继续", "a half-width mark"),
        ("zh", "Next lecture", "下一场 讲座", "a space between characters"),
    ],
)
def test_what_is_wrong_with_an_entry_is_named(code: str, source: str, text: str, problem: str) -> None:
    assert any(problem in result for result in problems(code, Message(source, text))), problem


def test_a_number_can_be_a_word_only_where_a_form_is_for_that_number() -> None:
    source = ("One file by %(who)s", "%(num)s files by %(who)s")
    assert not list(problems("es", Message(source, ("Un archivo de %(who)s", "%(num)s archivos de %(who)s"))))
    assert list(problems("es", Message(source, ("Un archivo", "%(num)s archivos de %(who)s"))))
    assert list(problems("fr", Message(source, ("Un fichier de %(who)s", "%(num)s fichiers de %(who)s"))))
    assert list(problems("ru", Message(source, ("%(num)s файл %(who)s", "%(num)s файла %(who)s"))))


def test_messages_are_taken_into_a_catalogue_without_guesses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    template = Catalog()
    for message in ("Save", "Save it", ("One file", "%(num)s files")):
        template.add(message)
    catalogue = catalogues.update("fr", template)
    catalogue["Save"].string = "Enregistrer"  # type: ignore[union-attr]
    catalogues.write("fr", catalogue)
    template.delete("Save it")
    template.add("Save this")
    entries = {entry.id: forms(entry) for entry in catalogues.update("fr", template) if entry.id}
    assert entries == {"Save": ("Enregistrer",), "Save this": ("",), ("One file", "%(num)s files"): ("", "")}
    assert "Save it" not in catalogues.path_of("fr").read_text(encoding="utf-8")
