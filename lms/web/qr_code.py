"""Codes that a telephone reads off a screen."""

from __future__ import annotations

import io

import segno
from flask import Response


def qr_code(text: str) -> Response:
    """A text as a QR code (SVG), kept by nobody on the way."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=4, scale=5, dark="#0e1a1c", light="#ffffff", svgclass=None, lineclass=None
    )
    answer = Response(out.getvalue(), mimetype="image/svg+xml")
    answer.headers["Cache-Control"] = "no-store"
    return answer
