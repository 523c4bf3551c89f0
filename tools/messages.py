"""Extracts the messages of the interface into `lms/translations/messages.pot`: `python tools/messages.py`.

Messages carry the files they come from but no line numbers, and the header no date, so that the catalogue changes only
when a message does.
"""

from __future__ import annotations

import io
import tomllib
from collections.abc import Iterable
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "lms" / "translations" / "messages.pot"
COMMENTS = ROOT / "tools" / "translator_comments.toml"
_METHODS = [("operations/**.py", "ignore"), ("demo/**.py", "ignore"), ("core/database/schema.py", "ignore")]
"""What only commands and checks print stays English."""
_METHODS += [("**.py", "python"), ("**/templates/**", "jinja2")]
_OPTIONS = {"**/templates/**": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
_KEYWORDS = {
    "_": None,
    "_l": None,
    "_n": (1, 2),
    "gettext": None,
    "ngettext": (1, 2),
    "_p": ((1, "c"), 2),
    "_lp": ((1, "c"), 2),
    "pgettext": ((1, "c"), 2),
}
_HEADER = r"""# Messages of Serai's interface. Made by `make messages`; do not edit.
msgid ""
msgstr ""
"Project-Id-Version: Serai\n"
"MIME-Version: 1.0\n"
"Content-Type: text/plain; charset=utf-8\n"
"Content-Transfer-Encoding: 8bit\n"

"""


def read_comments() -> dict[str, str]:
    """Comments for translators on ambiguous messages, by the English text."""
    return tomllib.loads(COMMENTS.read_text(encoding="utf-8"))


Found = tuple[str, int, str | tuple[str, ...], list[str], str | None]
"""A message where it is used: file, line, text (or singular and plural), comments and context."""


def find_messages(folder: Path = ROOT / "lms") -> list[Found]:
    """Each message of the code and the templates of a folder, where it is used."""
    return list(extract_from_dir(folder, _METHODS, _OPTIONS, _KEYWORDS, comment_tags=("Translators:",)))


def extract_messages(folder: Path = ROOT / "lms", found: Iterable[Found] | None = None) -> Catalog:
    """Every message in the code and the templates of a folder, which were `found` already or are looked for."""
    catalogue = Catalog(charset="utf-8")
    meanings = read_comments()
    for name, _line, message, comments, context in find_messages(folder) if found is None else found:
        path = (folder / name).relative_to(folder.parent).as_posix()
        text = message if isinstance(message, str) else message[0]
        notes = [*comments, *([meanings[text]] if text in meanings and not context else [])]
        catalogue.add(message, None, [(path, 0)], auto_comments=notes, context=context)
    return catalogue


def write_messages(catalogue: Catalog) -> str:
    """The entries of a catalogue as text, in the order of the files that the messages come from."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, omit_header=True, sort_by_file=True, include_lineno=False)
    return buffer.getvalue().decode("utf-8")


def written(catalogue: Catalog) -> str:
    """The text of the template: its header and all messages."""
    return _HEADER + write_messages(catalogue)


def read_catalogue(path: Path = CATALOGUE) -> Catalog:
    """The catalogue as it was written last."""
    with path.open(encoding="utf-8") as file:
        return read_po(file, charset="utf-8", ignore_obsolete=True)


if __name__ == "__main__":
    CATALOGUE.write_text(written(extract_messages()), encoding="utf-8")
