"""The blueprint of the pages of attendance imports."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("attendance_imports", __name__, template_folder="../templates")
