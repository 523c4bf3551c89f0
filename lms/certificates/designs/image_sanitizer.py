"""Pictures on certificates: redrawn as pixels at print resolution, so that nothing else of a file is stored."""

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree
from PIL import Image, ImageOps

from lms.core.base.errors import Invalid
from lms.core.storage.foreign_files import PICTURES, read_foreign
from lms.core.text.i18n import _
from lms.core.text.typesetting import CannotRender, draw_without_limit

MAX_BYTES = 1_000_000
MAX_SIDE = 4000
MAX_SHAPE = 10  # times as wide as high, or as high as wide
BOXES = ((900, 300), (600, 200), (400, 133), (300, 100))
"""Width and height in pixels that a picture is fitted into: 900 are 326 to the inch where a logo is 70 mm wide."""
BYTES_KEPT = 120_000  # each certificate contains it: what is larger, such as a noisy photograph, gets fewer pixels
FIELD = "file"
_TEMPLATE = Path(__file__).parents[1] / "design" / "picture.typ"


@dataclass(frozen=True)
class SanitizedImage:
    """A picture as it is set: an SVG, its width over its height, and what is read aloud in its place."""

    svg: str
    shape: float
    alt: str = ""


def read(content: bytes) -> SanitizedImage:
    """A PNG, JPEG or SVG file as a picture. Raises Invalid: another kind, too large, or broken; and Busy."""
    if not content:
        raise Invalid(FIELD, _("The file is empty."))
    if len(content) > MAX_BYTES:
        raise Invalid(FIELD, _("The file is too large: at most 1 MB."))
    ((svg, shape),) = read_foreign(PICTURES, "lms.certificates.designs.image_sanitizer:read_within", content)
    return SanitizedImage(svg, shape)


def read_within(content: bytes) -> Iterator[tuple[str, float]]:
    """Returns what `read` does, from the process for foreign files: the SVG, and its width over its height."""
    is_svg = b"<svg" in content[:20_000] or b":svg" in content[:20_000]
    image = _open(_drawn(content) if is_svg else content)
    if is_svg and image.getchannel("A").getbbox() is None:
        raise Invalid(FIELD, _("This SVG is empty."))
    shape = image.width / image.height
    if not 1 / MAX_SHAPE <= shape <= MAX_SHAPE:
        raise Invalid(FIELD, _("The picture is too narrow. One side can be at most ten times as long as the other."))
    for box in BOXES:
        image.thumbnail(box)
        png = io.BytesIO()
        image.save(png, "PNG", optimize=True)
        if png.tell() <= BYTES_KEPT:
            break
    data = base64.b64encode(png.getvalue()).decode()
    width, height = image.size
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>',
        shape,
    )


def _open(content: bytes) -> Image.Image:
    """The pixels of a PNG or JPEG file."""
    broken = Invalid(FIELD, _("The picture cannot be read because the file is damaged."))
    if not content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        raise Invalid(FIELD, _("This is not a PNG, JPEG or SVG image, whatever its file name."))
    try:
        Image.MAX_IMAGE_PIXELS = None  # sides are checked here, before anything is unpacked
        image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
        if max(image.size) > MAX_SIDE:
            width, height = image.size
            raise Invalid(
                FIELD,
                _(
                    "The picture is %(w)s × %(h)s pixels. The maximum is %(n)s in each direction.",
                    w=width,
                    h=height,
                    n=MAX_SIDE,
                ),
            )
        if image.mode == "CMYK":
            raise Invalid(FIELD, _("This JPEG is in print colours (CMYK). Save it as RGB or as PNG."))
        return ImageOps.exif_transpose(image).convert("RGBA" if image.has_transparency_data else "RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise broken from error


def _drawn(content: bytes) -> bytes:
    """An SVG as PNG. Typst loads nothing that it refers to; this process ends if drawing takes too long."""
    broken = Invalid(FIELD, _("The picture cannot be read because the file is damaged."))
    if b"<!ENTITY" in content:
        raise Invalid(FIELD, _("This SVG defines custom entities, which are not allowed."))
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True))
        names = {etree.QName(element).localname for element in root.iter(etree.Element)}
        if names & {"text", "textPath"}:
            raise Invalid(
                FIELD,
                _("This SVG contains text. Convert it to paths first, because the font may be missing elsewhere."),
            )
        if names & {"image", "feImage"}:
            raise Invalid(FIELD, _("This SVG contains an embedded picture. Save it as PNG instead."))
        return draw_without_limit(_TEMPLATE, {"svg": content.decode()}, ppi=72)
    except (etree.XMLSyntaxError, CannotRender, UnicodeDecodeError) as error:
        raise broken from error
