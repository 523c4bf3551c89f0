"""Countries in the demonstration: one that was on the list under its old code too, and one with a notice."""

from __future__ import annotations

from datetime import datetime

from lms.core.roles import SYSTEM
from lms.people.actions.countries import add_country, change_country
from lms.people.actions.country_merging import merge_countries

OLD, OLD_NAME, NOW = "TP", "East Timor", "TL"
NOTICE = "KE"
NOTICE_TEXT = "Officials: send your director’s approval to the trade ministry in Nairobi before the first lecture."


def tidy_list(*, at: datetime) -> None:
    """Merges a country that was entered twice, and gives another one a notice for its people."""
    add_country(OLD, {"en": OLD_NAME}, region="035", by=SYSTEM, at=at)
    merge_countries(NOW, OLD, reason="Old code of Timor-Leste, from a file of 2019", by=SYSTEM, at=at)
    change_country(NOTICE, {}, region="202", valid_until=None, notices={"en": NOTICE_TEXT}, by=SYSTEM, at=at)
