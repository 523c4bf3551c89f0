"""Parts of a dossier: what is open between a country and the organiser, and the country beside its region and all."""

from collections.abc import Callable, Iterator

from lms.core.text.i18n import _, _n
from lms.core.text.translations import reader_text
from lms.core.time import clock
from lms.core.time.durations import percent
from lms.reports.documents.dossier_data import Dossier, Peer
from lms.reports.documents.model import Column, Point, Section, Table
from lms.reports.documents.wording import each
from lms.viewing_groups.queries import GroupView
from lms.web.pages.time import number, organiser_zone, short_day

MOST_POINTS = 2


def open_points(dossier: Dossier, *, series: Callable[[str], str], group: Callable[[str], str]) -> Iterator[Point]:
    """Yields what is open between the country and the organiser. `series` and `group` make links."""
    matters = dossier.matters
    if not matters.has_focal_point:
        yield Point(_("%(country)s has no focal point.", country=dossier.name))
    for quota in matters.quotas[:MOST_POINTS]:
        yield Point(
            _n(
                "%(n)s place in “%(series)s” is still free. It is kept until %(day)s.",
                "%(n)s places in “%(series)s” are still free. They are kept until %(day)s.",
                quota.left,
                n=number(quota.left),
                series=reader_text(quota.series),
                day=short_day(quota.kept_until, organiser_zone()),
            ),
            series(quota.series.slug),
        )
    others = matters.quotas[MOST_POINTS:]
    if others:
        left = sum(quota.left for quota in others)
        yield Point(
            _n(
                "%(n)s place kept in other series is still free.",
                "%(n)s places kept in other series are still free.",
                left,
                n=number(left),
            )
        )
    if matters.unanswered:
        yield Point(
            _n(
                "%(n)s person has not answered their invitation.",
                "%(n)s people have not answered their invitations.",
                matters.unanswered,
                n=number(matters.unanswered),
            )
        )
    waiting = sum(row.numbers.nominated + row.numbers.applied + row.numbers.waiting for row in dossier.undecided)
    if waiting:
        yield Point(
            _n(
                "%(n)s person is waiting for a decision or a place.",
                "%(n)s people are waiting for a decision or a place.",
                waiting,
                n=number(waiting),
            ),
            "#undecided",
        )
    yield from _unsigned_points(matters.unsigned, group)


def _unsigned_points(unsigned: list[GroupView], group: Callable[[str], str]) -> Iterator[Point]:
    for view in unsigned[:MOST_POINTS]:
        held_at = view.lecture.actual_start
        assert held_at is not None
        yield Point(
            _n(
                "%(n)s person watched in %(place)s on %(day)s. They are not counted until the list is signed.",
                "%(n)s people watched in %(place)s on %(day)s. They are not counted until the list is signed.",
                view.listed,
                n=number(view.listed),
                place=view.place,
                day=short_day(held_at, organiser_zone()),
            ),
            group(view.group.public_id),
        )
    others = sum(view.listed for view in unsigned[MOST_POINTS:])
    if others:
        yield Point(
            _n(
                "%(n)s more person is on a list that is not signed.",
                "%(n)s more people are on lists that are not signed.",
                others,
                n=number(others),
            )
        )


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
