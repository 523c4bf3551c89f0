"""The blueprint of the pages of nominations."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("nominations", __name__, template_folder="../templates")
