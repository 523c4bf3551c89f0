"""Pictures on certificates: recognised by content, limited in size, and kept as SVG that only draws."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from lms.core.errors import Invalid
from lms.core.foreign_files import PICTURES, read_foreign
from lms.core.i18n import _
from lms.core.typesetting import CannotRender, draw_without_limit, typeset

MAX_BYTES = 1_000_000
MAX_SIDE = 4000
MAX_SVG_BYTES = 300_000
MAX_ELEMENTS = 2000
MAX_DEPTH = 24
MAX_CLIPS = 64
MAX_SET_BYTES = 400_000  # what a picture may add to each file
MAX_SHAPE = 10  # times as wide as high, or as high as wide
SIDES_KEPT = (900, 600, 400, 300)  # pixels of the longer side: 900 are 380 to the inch where a logo is 60 mm wide
BYTES_KEPT = 120_000  # every file holds it: what is larger, as a noisy photograph, is kept with fewer pixels
FIELD = "file"

_TEMPLATE = Path(__file__).parents[1] / "design" / "picture.typ"
_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_PAINTED = frozenset({"linearGradient", "radialGradient", "stop", "clipPath", "defs"})
_PASSED_OVER = frozenset({"title", "desc", "metadata"})
_SHAPES = frozenset({"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"})
_DRAWN = _SHAPES | _PAINTED | {"svg", "g"}
_ATTRIBUTES = frozenset(
    {
        "id", "class", "d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "fx", "fy",
        "width", "height", "points", "transform", "viewBox", "offset", "gradientUnits",
        "gradientTransform", "spreadMethod", "clipPathUnits", "clip-path", "clip-rule", "fill",
        "fill-opacity", "fill-rule", "opacity", "stroke", "stroke-linecap", "stroke-linejoin",
        "stroke-miterlimit", "stroke-opacity", "stroke-width", "stop-color", "stop-opacity", "color",
        "display", "visibility", "style", "preserveAspectRatio",
    }
)  # fmt: skip
_LINK = re.compile(r"#[\w.-]+")
_ADDRESS = re.compile(r"url\s*\(", re.IGNORECASE)
_OWN_ADDRESS = re.compile(r"url\s*\(\s*['\"]?\s*#", re.IGNORECASE)
_LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(px|pt|mm|cm|in)?\s*")
_UNITS = {"px": 1.0, "pt": 4 / 3, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}


@dataclass(frozen=True)
class Picture:
    """A picture as it is set: an SVG, its width over its height, and what is read aloud in its place."""

    svg: str
    shape: float
    alt: str = ""


def read(content: bytes) -> Picture:
    """A PNG, JPEG or SVG file as a picture. Raises Invalid: another kind, too large, broken, or one that does more; and
    Busy."""
    if not content:
        raise Invalid(FIELD, _("The file is empty."))
    if len(content) > MAX_BYTES:
        raise Invalid(FIELD, _("The file is too large: at most 1 MB."))
    ((svg, shape),) = read_foreign(PICTURES, "lms.certificates.designs.image_sanitizer:read_within", content)
    return Picture(svg, shape)


def read_within(content: bytes) -> Iterator[tuple[str, float]]:
    """What `read` answers, from the process for foreign files: the SVG, and its width over its height."""
    picture = _picture_of(content)
    yield picture.svg, picture.shape


def _picture_of(content: bytes) -> Picture:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _of_pixels(content, _png_size(content))
    if content.startswith(b"\xff\xd8\xff"):
        return _of_pixels(content, _jpeg_size(content))
    if b"<svg" in content[:20_000] or b":svg" in content[:20_000]:
        return _of_svg(content)
    raise Invalid(FIELD, _("This is not a PNG, JPEG or SVG image, whatever its file name."))


# Pixels ----------------------------------------------------------------------------------------------------------


def _png_size(content: bytes) -> tuple[int, int]:
    if len(content) < 33 or content[12:16] != b"IHDR":
        raise _broken()
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 < len(content) and content[place] == 0xFF:
        kind, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            if content[place + 9] not in (1, 3):
                raise Invalid(FIELD, _("This JPEG is in print colours (CMYK). Save it as RGB or as PNG."))
            height, width = struct.unpack(">HH", content[place + 5 : place + 9])
            return width, height
        place += 1 if kind == 0xFF else 2 + max(2, length)
    raise _broken()


def _of_pixels(content: bytes, size: tuple[int, int]) -> Picture:
    """The picture, redrawn at print size: only pixels are kept, never more than needed."""
    width, height = size
    if not width or not height:
        raise _broken()
    if max(size) > MAX_SIDE:
        raise Invalid(
            FIELD,
            _(
                "The picture is %(w)s × %(h)s pixels. The maximum is %(n)s in each direction.",
                w=width,
                h=height,
                n=MAX_SIDE,
            ),
        )
    shape = _checked_shape(width / height)
    given = json.dumps([*content], separators=(",", ":"))  # read strictly: within an SVG a damaged one is passed over
    for side in SIDES_KEPT:
        share = min(1.0, side / max(size))
        wide, high = max(1, round(width * share)), max(1, round(height * share))
        try:
            png = draw_without_limit(_TEMPLATE, {"pixels": given, "width": str(wide), "height": str(high)}, ppi=72)
        except CannotRender as error:
            raise _broken() from error
        if len(png) <= BYTES_KEPT:
            break
    return Picture(_wrapped(png, wide, high), shape)


def _wrapped(png: bytes, width: int, height: int) -> str:
    data = base64.b64encode(png).decode()
    return (
        f'<svg xmlns="{_SVG}" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>'
    )


def _checked_shape(shape: float) -> float:
    if not 1 / MAX_SHAPE <= shape <= MAX_SHAPE:
        raise Invalid(FIELD, _("The picture is too narrow. One side can be at most ten times as long as the other."))
    return shape


def _broken() -> Invalid:
    return Invalid(FIELD, _("The picture cannot be read because the file is damaged."))


# SVG ------------------------------------------------------------------------------------------------------------


def _of_svg(content: bytes) -> Picture:
    if len(content) > MAX_SVG_BYTES:
        raise Invalid(FIELD, _("An SVG can be at most 300 kB. Simplify its paths, or save it as PNG."))
    if b"<!ENTITY" in content:
        raise Invalid(FIELD, _("This SVG defines custom entities, which are not allowed."))
    try:
        root = etree.fromstring(content, _parser())
    except etree.XMLSyntaxError as error:
        raise _broken() from error
    if root.tag != f"{{{_SVG}}}svg":
        raise _broken()
    cleaner = _Cleaner()
    cleaner.clean(root, ())
    if not cleaner.shapes:
        raise Invalid(FIELD, _("This SVG is empty."))
    shape = _measure(root)
    etree.cleanup_namespaces(root)
    picture = Picture(etree.tostring(root, encoding="unicode"), _checked_shape(shape))
    try:
        pdf = typeset(_TEMPLATE, {"picture": picture.svg, "width": "100", "height": "100"}, ())
    except CannotRender as error:
        raise _broken() from error
    if len(pdf) > MAX_SET_BYTES:
        raise _complicated()
    return picture


def _complicated() -> Invalid:
    return Invalid(
        FIELD,
        _(
            "This SVG is too complex: at most %(n)s shapes, nested %(deep)s deep, are allowed. Simplify it, or "
            "save it as PNG.",
            n=MAX_ELEMENTS,
            deep=MAX_DEPTH,
        ),
    )


def _parser() -> etree.XMLParser:
    """Reads nothing but the content itself: no other file, no address, and no entity."""
    return etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True, remove_pis=True
    )


class _Cleaner:
    """Takes out of an SVG what draws nothing, and refuses what does more than draw or takes long."""

    def __init__(self) -> None:
        self.shapes = self._count = self._clips = 0

    def clean(self, element: etree._Element, above: tuple[str, ...]) -> None:
        """Cleans an element and what is in it; `above` are the names of the elements around it."""
        self._count += 1
        if self._count > MAX_ELEMENTS or len(above) >= MAX_DEPTH:
            raise _complicated()
        name = etree.QName(element).localname
        if name not in _DRAWN | {"style"} or (name == "svg" and above):
            raise Invalid(FIELD, _refused(name))
        self.shapes += name in _SHAPES
        self._clean_attributes(element, name, above)
        element.text = _checked_css(element.text or "") if name == "style" else None
        element.tail = None
        for child in list(element):
            if name == "style" or not _is_svg(child):
                element.remove(child)
            else:
                self.clean(child, (*above, name))

    def _clean_attributes(self, element: etree._Element, name: str, above: tuple[str, ...]) -> None:
        given = list(element.items())
        element.attrib.clear()
        for key, text in map(_attribute, given):
            if text is not None:
                element.set(key, text)
        if "clip-path" in element.attrib:  # nested or numerous clip paths multiply the work
            self._clips += 1
            if self._clips > MAX_CLIPS or "clipPath" in (*above, name):
                raise _complicated()


def _is_svg(element: etree._Element) -> bool:
    """Whether an element can draw; the references to entities, which have no tag, cannot."""
    if not isinstance(element.tag, str):
        return False
    tag = etree.QName(element)
    return tag.namespace == _SVG and tag.localname not in _PASSED_OVER


def _measure(root: etree._Element) -> float:
    """Gives an SVG the size of its view box, or its view box the size. Returns its width over its height."""
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    try:
        sides = [float(side) for side in box[2:]] if len(box) == 4 else [_pixels(root.get(key, "")) for key in _SIDES]
    except ValueError as error:
        raise Invalid(FIELD, _("This SVG has no size. Add a viewBox.")) from error
    if not all(0.01 < side < 1e6 for side in sides):
        raise Invalid(FIELD, _("This SVG has no size. Add a viewBox."))
    width, height = (f"{side:g}" for side in sides)
    if "viewBox" not in root.attrib:
        root.set("viewBox", f"0 0 {width} {height}")
    root.set("width", width)
    root.set("height", height)
    return sides[0] / sides[1]


_SIDES = ("width", "height")


def _pixels(length: str) -> float:
    found = _LENGTH.fullmatch(length)
    if found is None:
        raise ValueError(length)
    return float(found[1]) * _UNITS[found[2] or "px"]


def _attribute(given: tuple[str, str]) -> tuple[str, str | None]:
    """An attribute as stored, or None if it is dropped."""
    tag, text = given
    place = etree.QName(tag)
    name = place.localname
    if name == "href" and place.namespace in (None, _XLINK):
        if not _LINK.fullmatch(text.strip()):
            raise Invalid(FIELD, _("This SVG refers to external content. Embed everything in the one file."))
        return f"{{{_XLINK}}}href", text.strip()
    if place.namespace:
        return name, None
    if name.lower().startswith("on"):
        raise Invalid(FIELD, _("This SVG contains a script, which is not allowed."))
    return name, _checked_css(text) if name in _ATTRIBUTES else None


def _checked_css(text: str) -> str:
    if (
        len(_ADDRESS.findall(text)) != len(_OWN_ADDRESS.findall(text))
        or "@" in text
        or "\\" in text
        or "javascript:" in text.lower()
    ):
        raise Invalid(FIELD, _("This SVG refers to external content. Embed everything in the one file."))
    if "clip-path" in text or "filter" in text or "mask" in text:
        raise _complicated()
    return text


def _refused(name: str) -> str:
    if name in ("script", "foreignObject", "a", "animate", "set", "animateTransform", "animateMotion", "handler"):
        return _("This SVG contains a script, which is not allowed.")
    if name in ("text", "tspan", "textPath"):
        return _("This SVG contains text. Convert it to paths first, because the font may be missing elsewhere.")
    if name == "image":
        return _("This SVG contains an embedded picture. Save it as PNG instead.")
    return _(
        "This SVG uses “%(name)s”, which is not allowed. Convert everything to plain paths, or save it as PNG.",
        name=name,
    )
