"""The administrators' list of series."""

from __future__ import annotations

from lms.core.base.roles import Role
from lms.dashboards.lists import AllSeries
from lms.dashboards.views.blueprint import bp
from lms.web.lists.routes import list_files, list_page

list_page(bp, "/admin/series", Role.ADMINISTRATOR)(AllSeries)
list_files(bp, "/admin/series", Role.ADMINISTRATOR)(AllSeries)
