"""Recurring tasks of the dashboards: digests."""

from lms.core.background.recurring import recurring
from lms.dashboards.digests import post_due_digests

recurring("digests", post_due_digests, every=30)
