"""A country beside its region and the whole programme, in its dossier."""

from __future__ import annotations

from lms.core.text.i18n import _
from lms.core.time import clock
from lms.core.time.durations import percent
from lms.reports.documents.dossier_data import Dossier, Peer
from lms.reports.documents.model import Column, Section, Table
from lms.reports.documents.wording import each
from lms.web.pages.time import short_day


def compare_peers(dossier: Dossier) -> Section | None:
    """The country beside its region and the whole programme; None where there is nothing to compare."""
    if not dossier.peers or not dossier.totals.totals.participants:
        return None
    compared = [
        (dossier.totals.totals, dossier.totals.opening),
        *((peer.figures, peer.opening) for peer in dossier.peers),
    ]
    measures = (
        (_("Participants"), [figures.participants for figures, _opening in compared]),
        (
            _("Attendances per participant"),
            [
                each(figures.attendances - (opening.attendances if opening else 0), figures.participants)
                for figures, opening in compared
            ],
        ),
        (
            _("Contact hours per participant"),
            [each(figures.contact_hours, figures.participants) for figures, _opening in compared],
        ),
        (
            _("Certificates per 100 participants"),
            [percent(figures.certificates, figures.participants) for figures, _opening in compared],
        ),
    )
    return Section(
        anchor="peers",
        title=_("Comparison"),
        text=_("With the region and the whole programme"),
        table=Table(
            (Column(_("Measure"), "text"), *(Column(name, "decimal") for name in _peer_names(dossier))),
            tuple((name, *measured) for name, measured in measures),
        ),
        note=_published(dossier.peers),
    )


def _peer_names(dossier: Dossier) -> list[str]:
    return [dossier.name, *(peer.name or _("Whole programme") for peer in dossier.peers)]


def _published(peers: list[Peer]) -> str | None:
    published = [peer for peer in peers if not peer.exact]
    if not published:
        return None
    zone = clock.reporting_zone()
    return _("Region and programme as published on %(day)s.", day=short_day(clock.day_of(published[0].as_at, zone)))
