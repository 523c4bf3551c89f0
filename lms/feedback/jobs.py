"""Recurring work: asking for feedback after a lecture, and releasing its results."""

from typing import Final

from lms.core.background.recurring import recurring
from lms.feedback.actions import ask_for_feedback
from lms.feedback.releases import release_due

RELEASES: Final = "feedback releases"
"""The thread of releases, which can take minutes after many corrections."""

recurring("feedback", ask_for_feedback, every=60)
recurring("feedback releases", release_due, every=60, thread=RELEASES)
