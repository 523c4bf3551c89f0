"""The recurring task of knowledge checks: it hands in attempts whose time is over."""

from lms.checks.actions.attempts import submit_overdue
from lms.core.background.recurring import recurring

recurring("overdue knowledge checks", submit_overdue, every=30)
