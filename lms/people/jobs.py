"""Jobs and recurring tasks of people: comparisons, merges of countries and sessions."""

from lms.core.background.recurring import recurring
from lms.people.actions.country_merging import settle_country_merges
from lms.people.actions.duplicates import compare_waiting_people
from lms.people.actions.sessions import prune_sessions, write_noted_uses

recurring("merged countries", settle_country_merges)
recurring("old sessions", prune_sessions, every=60)
recurring("use of sessions", lambda **_at: write_noted_uses())
recurring("compare people", compare_waiting_people, thread="comparing people")
