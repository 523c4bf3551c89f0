"""Rules of files: who can open which file of a lecture, and how files can be named."""

import re
import unicodedata
from typing import Final

from lms.catalogue.models import Lecture, LectureState
from lms.catalogue.rules import may_edit_lecture
from lms.core.base.errors import Invalid, WrongKind
from lms.core.base.roles import Actor
from lms.core.text.i18n import _
from lms.core.text.typed_text import clean_line
from lms.materials.file_kinds import ENDINGS, MIME_TYPES, is_video
from lms.materials.models import Audience, FileState, LectureFile

MAX_FILES: Final = 60
"""Files of one lecture."""
MAX_TITLE: Final = 200
_UNSAFE = frozenset('/\\:*?"<>|')


def may_open(file: LectureFile, lecture: Lecture, *, is_enrolled: bool, by: Actor) -> bool:
    """Whether somebody who can see the lecture can open a file of it."""
    if may_edit_lecture(lecture, by):
        return True
    if file.state is not FileState.READY:
        return False
    if file.audience is Audience.EVERYONE:
        return True
    return is_enrolled and (file.audience is Audience.ENROLLED or lecture.state is LectureState.HELD)


def checked_title(text: str | None) -> str:
    """The name of a file in the list. Raises Invalid."""
    title = clean_line(text or "")
    if not title:
        raise Invalid("title", _("Enter a name for the file."))
    if len(title) > MAX_TITLE:
        raise Invalid("title", _("Use at most %(n)s characters.", n=MAX_TITLE))
    return title


def title_of(file_name: str) -> str:
    """Returns what a file is called in the list unless somebody says otherwise: its name without the ending."""
    name = clean_line(file_name.replace("\\", "/").rpartition("/")[2])
    stem = name[: -len(_ending(name)) - 1] if _ending(name) in ENDINGS else name
    return clean_line(stem.replace("_", " "))[:MAX_TITLE] or _("File")


def safe_name(file_name: str, kind: str) -> str:
    """Returns what a file is called when it is saved: the name that it came with, with the ending of its kind."""
    name = clean_line(file_name.replace("\\", "/").rpartition("/")[2])
    stem = name[: -len(_ending(name)) - 1] if _ending(name) else name
    stem = "".join(sign for sign in stem if sign not in _UNSAFE).strip(". ") or "file"
    return f"{stem[: MAX_TITLE - 5]}.{kind}"


def plain_name(file_name: str, kind: str) -> str:
    """As `safe_name`, in the letters that every system takes: for systems that do not read other ones."""
    stem = unicodedata.normalize("NFKD", safe_name(file_name, kind).rpartition(".")[0])
    plain = "-".join(re.findall(r"[A-Za-z0-9._]+", stem.encode("ascii", "ignore").decode("ascii")))
    return f"{plain.strip('._-') or 'file'}.{kind}"


VIDEOS: Final = frozenset(
    {"3gp", "asf", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ogv", "ts", "vob", "webm"}
    | {"wmv"}
)
"""Endings of names of videos."""


def check_is_no_video(file_name: str) -> None:
    """Raises WrongKind for the name of a video, before it is uploaded or read."""
    if _ending(file_name) in VIDEOS:
        raise WrongKind(is_video())


def broken(file_name: str) -> Invalid | None:
    """The refusal of a file that nothing can read, where its name says that it is of a kind that is taken."""
    ending = _ending(file_name)
    if ending not in ENDINGS:
        return None
    return Invalid(
        "file",
        _(
            "“%(name)s” is damaged: its content is not a %(kind)s file. Save it again, and upload the new file.",
            name=clean_line(file_name)[-80:],
            kind=ending.upper(),
        ),
    )


def check_ending(file_name: str, kind: str) -> None:
    """Raises WrongKind for a file whose content does not match its extension."""
    ending = _ending(file_name)
    if ENDINGS.get(ending) != MIME_TYPES[kind]:
        raise WrongKind(
            _(
                "The content of “%(name)s” does not match its extension: it is a %(kind)s file. Rename it and upload "
                "it again.",
                name=clean_line(file_name)[-80:],
                kind=kind.upper(),
            )
        )


def _ending(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem and len(ending) <= 8 else ""
