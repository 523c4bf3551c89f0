"""The page of the results of a check."""

from lms.checks.lists import CheckResults
from lms.checks.views.bank import bp
from lms.core.base.roles import Role
from lms.web.lists.routes import list_files, list_page

READERS = (Role.ADMINISTRATOR, Role.INSTRUCTOR, Role.REPORTER)
PATH = "/series/<slug>/checks/<int:check_id>/results"

list_page(bp, PATH, *READERS)(list_files(bp, PATH, *READERS)(CheckResults))
