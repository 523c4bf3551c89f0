"""Makes portraits from uploaded pictures. Runs in a separate process (`core.storage.foreign_files`)."""

import base64
import io
import warnings
from collections.abc import Iterator
from typing import Final

from PIL import Image, ImageOps

from lms.core.base.errors import Invalid, WrongKind
from lms.core.text.i18n import _

SIDE: Final = 256
"""Pixels of each side."""
MAX_BYTES: Final = 10_000_000
_FORMATS = ("PNG", "JPEG", "WEBP")


def portrait(content: bytes) -> Iterator[str]:
    """Yields a square JPEG of the middle of a picture, in base64, without what a camera writes into it.

    Raises WrongKind for what is no picture, and Invalid (`picture`) for one with too many pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                upright = ImageOps.exif_transpose(picture)
                square = ImageOps.fit(upright.convert("RGB"), (SIDE, SIDE))
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise Invalid(
                "picture", _("This picture has too many pixels. Save it smaller, and upload it again.")
            ) from error
        except (OSError, SyntaxError, ValueError) as error:
            raise WrongKind(_("This is not a picture. Upload a PNG, JPEG or WebP file.")) from error
    out = io.BytesIO()
    square.save(out, "JPEG", quality=82, optimize=True)
    yield base64.b64encode(out.getvalue()).decode("ascii")
