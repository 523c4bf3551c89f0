"""What is taken as a picture of a design, and what is refused with the reason."""

from __future__ import annotations

import base64
import io
import random
import re
import socket
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lms.certificates.designs import image_sanitizer
from lms.core.base.errors import Invalid
from tests.rows import each_row

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 40 20">{}</svg>'
SQUARE = '<path d="M0 0h20v20h-20z" fill="#0a5"/>'


def raster(kind: str, size: tuple[int, int] = (1200, 300), mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 120 if mode == "L" else (10, 80, 160, 255)[: len(mode)]).save(out, kind)
    return out.getvalue()


def svg(inner: str, frame: str = SVG) -> bytes:
    return frame.format(inner).encode()


@each_row(
    "content",
    [raster("PNG"), raster("PNG", mode="RGBA"), raster("PNG", mode="L"), raster("JPEG"), raster("JPEG", mode="L")],
)
def test_pixels_are_drawn_anew_and_small(content: bytes) -> None:
    picture = image_sanitizer.read(content)
    assert picture.shape == 4.0
    assert 'width="900" height="225"' in picture.svg
    assert "data:image/png;base64," in picture.svg
    assert content not in picture.svg.encode()


def test_a_small_picture_is_not_blown_up() -> None:
    assert 'width="40" height="20"' in image_sanitizer.read(raster("PNG", (40, 20))).svg


def test_a_noisy_photograph_does_not_swell_every_certificate() -> None:
    out = io.BytesIO()
    Image.frombytes("RGB", (500, 500), random.Random(5).randbytes(750_000)).save(out, "PNG")
    assert len(out.getvalue()) > 700_000
    assert len(image_sanitizer.read(out.getvalue()).svg) < 400_000


GRADIENT = '<defs><linearGradient id="a"><stop offset="0" stop-color="#a00"/></linearGradient></defs>'
DRAWN = {
    "editor's data": "<metadata><any>editor</any></metadata><title>secret</title>" + SQUARE,
    "a gradient": f'{GRADIENT}<path d="M0 0h20v20h-20z" fill="url(#a)"/>',
    "a style": '<style>.b{fill:#123456}</style><path class="b" d="M0 0h20v20h-20z"/>',
    "copies": f'<g id="a">{SQUARE}</g><use xlink:href="#a" x="9"/>',
    "many shapes": SQUARE * 2001,
    "deep": "<g>" * 30 + SQUARE + "</g>" * 30,
    "a script": f"<script>alert(1)</script>{SQUARE}",
    "an event": f'<g onload="x()">{SQUARE}</g>',
    "a page within": f'<foreignObject><p xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>{SQUARE}',
}


def pixels(picture: image_sanitizer.SanitizedImage) -> Image.Image:
    """What is stored of a picture, which is nothing but pixels."""
    match = re.fullmatch(r'<svg [^<>]*><image [^<>]* href="data:image/png;base64,([^"]*)"/></svg>', picture.svg)
    assert match is not None
    return Image.open(io.BytesIO(base64.b64decode(match[1])))


@each_row("inner", DRAWN.values())
def test_an_svg_is_drawn_once_and_only_its_pixels_are_stored(inner: str) -> None:
    picture = image_sanitizer.read(
        b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">' + svg(inner)
    )
    image = pixels(picture)
    assert (picture.shape, image.size, image.mode) == (2.0, (600, 300), "RGBA")
    assert image.getpixel((150, 150))[3] == 255, "it is drawn"
    assert image.getpixel((599, 1))[3] == 0, "and clear elsewhere"


def test_nothing_that_an_svg_refers_to_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "red.svg").write_bytes(svg('<path id="a" d="M0 0h40v20h-40z" fill="red"/>'))
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        for place in (f"http://127.0.0.1:{server.getsockname()[1]}/red.svg", (tmp_path / "red.svg").as_uri()):
            content = (
                f'<?xml-stylesheet href="{place}"?><!DOCTYPE svg SYSTEM "{place}">'
                '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" '
                'xmlns:xlink="http://www.w3.org/1999/xlink">'
                f"<style>@import '{place}'; .b{{fill:url({place}#a)}}</style>{SQUARE}"
                f'<use xlink:href="{place}#a"/><linearGradient id="g" href="{place}#a"/>'
                f'<g filter="url({place}#a)" mask="url({place}#a)" clip-path="url({place}#a)"/></svg>'
            )
            image = pixels(image_sanitizer.read(content.encode()))
            assert image.getpixel((150, 150)) == (0, 170, 85, 255)
            assert image.getpixel((450, 150))[3] == 0
        with pytest.raises(TimeoutError):
            server.accept()


@each_row("size", ['viewBox="0 0 1e7 1e7"', 'width="1e9" height="1e9"', 'viewBox="0 0 1 100000"'])
def test_an_svg_of_any_size_is_drawn_at_the_size_of_print(size: str) -> None:
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{{}}</svg>'
    with pytest.raises(Invalid, match="This SVG is empty"):
        image_sanitizer.read(svg(SQUARE, frame))


def test_an_svg_that_takes_long_to_draw_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_sanitizer, "PICTURES", replace(image_sanitizer.PICTURES, cpu_seconds=1))
    with pytest.raises(Invalid, match="needs too much memory or time"):
        image_sanitizer.read(svg(_many_clips()))


def test_the_size_of_an_svg_may_stand_in_any_unit() -> None:
    frame = '<svg xmlns="http://www.w3.org/2000/svg" width="30mm" height="1cm">{}</svg>'
    assert image_sanitizer.read(svg(SQUARE, frame)).shape == pytest.approx(3.0)


def test_an_svg_whose_elements_have_a_prefix_is_drawn_alike() -> None:
    frame = '<s:svg xmlns:s="http://www.w3.org/2000/svg" viewBox="0 0 40 20">{}</s:svg>'
    assert pixels(image_sanitizer.read(svg('<s:path d="M0 0h9v9z"/>', frame))).getbbox() is not None
    with pytest.raises(Invalid, match="contains text"):
        image_sanitizer.read(svg("<s:text>Ministry</s:text>", frame))


def _bomb() -> bytes:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE svg [<!ENTITY a0 "lol">{entities}]>'.encode() + svg("<title>&a9;</title>" + SQUARE)


def _many_clips() -> str:
    clips = "".join(
        f'<clipPath id="c{n}"><path clip-path="url(#c{n + 1})" d="M0 0h9"/>'
        f'<path clip-path="url(#c{n + 1})" d="M1 0h9"/></clipPath>'
        for n in range(30)
    )
    return f'{clips}<path clip-path="url(#c0)" d="M0 0h20v20z"/>'


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file is empty."),
    "a program": (b"MZ" + bytes(500), "This is not a PNG, JPEG or SVG image, whatever its file name."),
    "a page": (b"<html><body>logo.svg</body></html>", ("This is not a PNG, JPEG or SVG image, whatever its file "
                                                      "name.")),
    "two megabytes": (raster("PNG") + bytes(2_000_000), "The file is too large: at most 1 MB."),
    "half a png": (raster("PNG")[:80], "The picture cannot be read because the file is damaged."),
    "a bare head": (b"\x89PNG\r\n\x1a\n", "The picture cannot be read because the file is damaged."),
    "half a jpeg": (raster("JPEG")[:30], "The picture cannot be read because the file is damaged."),
    "for print": (
        raster("JPEG", mode="CMYK"),
        "This JPEG is in print colours (CMYK). Save it as RGB or as PNG.",
    ),
    "too thin": (
        raster("PNG", (1100, 100)),
        "The picture is too narrow. One side can be at most ten times as long as the other.",
    ),
    "entities": (_bomb(), "This SVG defines custom entities, which are not allowed."),
    "an entity outside": (
        b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + svg(SQUARE),
        "This SVG defines custom entities, which are not allowed.",
    ),
    "an image": (
        svg('<image href="http://x.example/a.png" width="9" height="9"/>'),
        "This SVG contains an embedded picture. Save it as PNG instead.",
    ),
    "a picture in a filter": (
        svg(f'<filter id="a"><feImage href="/etc/hostname"/></filter>{SQUARE}'),
        "This SVG contains an embedded picture. Save it as PNG instead.",
    ),
    "letters": (
        svg("<text>Ministry</text>"),
        "This SVG contains text. Convert it to paths first, because the font may be missing elsewhere.",
    ),
    "nothing drawn": (svg("<g/>"), "This SVG is empty."),
    "torn": (svg(SQUARE)[:-9], "The picture cannot be read because the file is damaged."),
}  # fmt: skip


@each_row("content, reason", REFUSED.values())
def test_what_is_no_mere_picture_is_refused_with_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        image_sanitizer.read(content)
    assert [(fault.field, fault.reason) for fault in caught.value.faults] == [("file", reason)]


def test_a_picture_of_many_pixels_is_refused_before_it_is_unpacked() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0))
    content = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(500_000)))
    with pytest.raises(Invalid, match=r"60000 × 60000 pixels. The maximum is 4000"):
        image_sanitizer.read(content)


def test_a_picture_that_kills_its_reader_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_sanitizer, "PICTURES", replace(image_sanitizer.PICTURES, memory_mb=1))
    with pytest.raises(Invalid, match="needs too much memory or time") as refused:
        image_sanitizer.read(raster("PNG"))
    assert refused.value.faults[0].field == image_sanitizer.FIELD
