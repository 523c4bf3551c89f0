"""Recurring work: asking for feedback after a lecture."""

from lms.core.background.recurring import recurring
from lms.feedback.actions import ask_for_feedback

recurring("feedback", ask_for_feedback, every=60)
