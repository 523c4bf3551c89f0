"""The head of a dossier: its sentences, and its figures with their notes."""

from lms.core.text.i18n import _, _n
from lms.core.text.punctuation import gap
from lms.core.time.durations import percent
from lms.reports.documents.dossier_data import Dossier
from lms.reports.documents.model import Figure
from lms.reports.documents.wording import Opening, each, figure_column, satisfaction
from lms.reports.shapes import counted
from lms.web.pages.time import number, short_day

PEOPLE = ("participants", "attendances", "contact_hours")
HEADLINE = (*PEOPLE, "certificates")


def lede(dossier: Dossier) -> str:
    """The dossier in a sentence or two, to be read out at the meeting."""
    return gap().join(sentence for sentence in (_attended_words(dossier), *_partner_words(dossier)) if sentence)


def _attended_words(dossier: Dossier) -> str:
    totals, opening = dossier.totals.totals, dossier.totals.opening
    if not totals.participants:
        if opening is not None and opening.attendances:
            return _(
                "%(attendances)s in %(sessions)s from before this system, entered as totals without names.",
                attendances=counted("attendances", opening.attendances),
                sessions=counted("sessions", opening.sessions),
            )
        return _("No one from %(country)s has attended a lecture yet.", country=dossier.name)
    years = [str(group.keys[0]) for group in dossier.by["year"].groups if group.figures.participants]
    words = {"n": number(totals.participants), "country": dossier.name, "year": years[0]}
    if _joined_before(dossier):
        assert dossier.partner_since is not None
        attended = _n(
            "%(n)s person from %(country)s has attended lectures since %(year)s, "
            "%(part)s of them since the country became a partner on %(day)s.",
            "%(n)s people from %(country)s have attended lectures since %(year)s, "
            "%(part)s of them since the country became a partner on %(day)s.",
            totals.participants,
            part=number(dossier.since_partner or 0),
            day=short_day(dossier.partner_since),
            **words,
        )
    elif len(years) == 1:
        attended = _n(
            "%(n)s person from %(country)s attended lectures in %(year)s.",
            "%(n)s people from %(country)s attended lectures in %(year)s.",
            totals.participants,
            **words,
        )
    else:
        attended = _n(
            "%(n)s person from %(country)s has attended lectures since %(year)s.",
            "%(n)s people from %(country)s have attended lectures since %(year)s.",
            totals.participants,
            **words,
        )
    certificates = _n(
        "%(n)s certificate was issued.",
        "%(n)s certificates were issued.",
        totals.certificates,
        n=number(totals.certificates),
    )
    return f"{attended}{gap()}{certificates if totals.certificates else _('No certificates were issued.')}"


def _joined_before(dossier: Dossier) -> bool:
    """Whether people attended before the country became a partner, and since."""
    return 0 < (dossier.since_partner or 0) < dossier.totals.totals.participants


def _partner_words(dossier: Dossier) -> list[str]:
    if dossier.partner_since is None:
        return [_("Not a partner country.")]
    if dossier.partner_until is not None:
        return [
            _(
                "Partner from %(first)s to %(last)s.",
                first=short_day(dossier.partner_since),
                last=short_day(dossier.partner_until),
            )
        ]
    return [] if _joined_before(dossier) else [_("Partner since %(day)s.", day=short_day(dossier.partner_since))]


def figures(dossier: Dossier, opened: Opening) -> tuple[Figure, ...]:
    totals = dossier.totals.totals
    programme = next((peer for peer in dossier.peers if peer.name is None), None)
    part = percent(totals.participants, programme.figures.participants) if programme else None
    hours = each(totals.contact_hours, totals.participants)
    notes = {
        "participants": _participants_note(dossier, part),
        "attendances": _attendances_note(dossier),
        "contact_hours": _("%(n)s per participant", n=number(hours)) if hours else None,
        "certificates": _rate(totals.certificates, totals.participants),
    }
    counts = tuple(
        Figure(
            name=name,
            label=figure_column(name).name,
            value=getattr(totals, name),
            note=notes.get(name),
            url=opened(name) if getattr(totals, name) else None,
            definition=name,
            in_headline=name in HEADLINE,
        )
        for name in (*HEADLINE, "registrations", "sessions")
    )
    return counts + satisfaction(totals.ratings, opened("satisfaction"))


def _participants_note(dossier: Dossier, share: float | None) -> str | None:
    opening = dossier.totals.opening
    if not dossier.totals.totals.participants and opening is not None and opening.attendances:
        return _("not known from totals")
    return _("%(share)s%% of the programme", share=number(share)) if share else None


def _attendances_note(dossier: Dossier) -> str | None:
    sessions = counted("sessions", dossier.totals.totals.sessions)
    by_source = {group.keys[0]: group.figures.attendances for group in dossier.by["source"].groups}
    in_groups = by_source.get("group", 0)
    if in_groups:
        return _("in %(sessions)s; %(n)s in groups", sessions=sessions, n=number(in_groups))
    return _("in %(sessions)s", sessions=sessions) if dossier.totals.totals.attendances else None


def _rate(certificates: int, participants: int) -> str | None:
    if not participants:
        return None
    return _("%(n)s per 100 participants", n=number(percent(certificates, participants) or 0))
