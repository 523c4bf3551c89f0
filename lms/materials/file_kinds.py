"""Recognises the kind of a file by its content. Runs in a separate process (`core.storage.foreign_files`)."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from typing import Final

import pikepdf
from PIL import Image

from lms.core.base.errors import Invalid, WrongKind
from lms.core.text.i18n import _

MIME_TYPES: Final = {
    "pdf": "application/pdf",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
    "jpg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "zip": "application/zip",
}
"""The kinds that are taken, by their ending."""
ENDINGS: Final = MIME_TYPES | {"jpeg": "image/jpeg"}
"""The endings that a file of these kinds can have."""
MAX_MEMBERS: Final = 10_000
MAX_UNPACKED: Final = 4 * 1024**3
"""Bytes. A ZIP file that unpacks to more is refused."""
MAX_RATIO: Final = 200
"""A ZIP file that unpacks to this many times its size is made to fill disks."""
_OFFICE: Final = {"ppt/presentation.xml": "pptx", "word/document.xml": "docx", "xl/workbook.xml": "xlsx"}
_PICTURES: Final = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}


def recognise(content: bytes) -> Iterator[str]:
    """Yields the kind of a file (a key of `MIME_TYPES`).

    Raises WrongKind for another kind, and Invalid (`file`) for a damaged or malicious file.
    """
    if not content:
        raise Invalid("file", _("The file is empty."))
    if content[:1024].lstrip().startswith(b"%PDF-"):
        yield _pdf(content)
    elif content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        yield _packed(content)
    else:
        yield _picture(content)


def _pdf(content: bytes) -> str:
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            pages = len(pdf.pages)
    except pikepdf.PasswordError as error:
        raise Invalid("file", _("This PDF file needs a password. Save it without one, and upload it again.")) from error
    except (pikepdf.PdfError, ValueError) as error:
        raise Invalid("file", _damaged()) from error
    if not pages:
        raise Invalid("file", _damaged())
    return "pdf"


def _packed(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Invalid("file", _damaged()) from error
    unpacked = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS or unpacked > min(MAX_UNPACKED, MAX_RATIO * len(content)):
        raise Invalid("file", _("This file unpacks to too much. Upload the files in it one by one."))
    names = {member.filename for member in members}
    if any(name.startswith("/") or ".." in name.replace("\\", "/").split("/") for name in names):
        raise Invalid("file", _("A file in this ZIP file would be unpacked outside its folder. Make it again."))
    kind = next((kind for name, kind in _OFFICE.items() if name in names), None)
    if kind is None or "[Content_Types].xml" not in names:
        return "zip"
    if any(name.rpartition("/")[2].lower() == "vbaproject.bin" for name in names):
        raise WrongKind(_("This file contains macros. Save it without macros, and upload it again."))
    return kind


def _picture(content: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=list(_PICTURES)) as picture:
                kind = _PICTURES[str(picture.format)]
                picture.verify()
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise Invalid(
                "file", _("This picture has too many pixels. Save it smaller, and upload it again.")
            ) from error
        except (OSError, SyntaxError, ValueError) as error:
            raise WrongKind(_what_it_is(content)) from error
    return kind


def is_video() -> str:
    """The message for a video: files of lectures are no place for it."""
    return _("This is a video. Once the lecture has been held, upload it on its page Recording.")


def _is_video(content: bytes) -> bool:
    """Whether a file begins as MP4, QuickTime, Matroska, WebM, AVI, Flash, Windows Media or MPEG do."""
    starts = (b"\x1aE\xdf\xa3", b"FLV\x01", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x00\x00\x01\xba")
    is_avi = content.startswith(b"RIFF") and content[8:12] == b"AVI "
    return content[4:8] in (b"ftyp", b"moov", b"mdat") or is_avi or content.startswith(starts)


def _damaged() -> str:
    return _("This file is damaged, or was not uploaded completely. Save it again, and upload the new file.")


def _what_it_is(content: bytes) -> str:
    sentences = (
        (b"MZ", _("Its content is a Windows program.")),
        (b"\x7fELF", _("Its content is a program.")),
        (b"#!", _("Its content is a script.")),
        (b"\xd0\xcf\x11\xe0", _("This is an Office file in an old format.")),
        (b"Rar!", _("Its content is a RAR archive.")),
        (b"7z\xbc\xaf", _("Its content is a 7-Zip archive.")),
        (b"\x1f\x8b", _("Its content is a gzip archive.")),
    )
    if _is_video(content):
        return is_video()
    sentence_found = next((sentence for start, sentence in sentences if content.startswith(start)), None)
    return f"{sentence_found} {unknown_kind()}" if sentence_found else unknown_kind()


def unknown_kind() -> str:
    """The message for a file of an unknown kind."""
    return _("Upload a PDF, PPTX, DOCX, XLSX, PNG, JPEG, GIF, WebP or ZIP file.")
