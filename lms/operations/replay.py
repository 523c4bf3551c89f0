"""Doing again, after a restore, what the journal says: erasures and revocations that the backup does not know."""

from collections import Counter
from collections.abc import Callable

from lms.certificates.actions.changes import revoke, withdraw
from lms.core.base.errors import NotFound, Refused
from lms.core.base.roles import SYSTEM
from lms.core.storage.journal import Entry, Journal
from lms.core.text.i18n import english as _
from lms.people.actions.access import disable_person, enable_person, revoke_role_again
from lms.people.actions.privacy import erase_again


def _erase(entry: Entry) -> bool:
    ids = entry.ids
    return erase_again(ids["persons"], withdraw_certificates=bool(ids["withdraw"]), by=SYSTEM, at=entry.at)


def _revoke_certificate(entry: Entry) -> bool:
    reason = _("Revoked before a backup was restored; the reason was lost.")
    revoke(entry.ids["number"], reason=reason, by=SYSTEM, at=entry.at)
    return True


def _withdraw_certificate(entry: Entry) -> bool:
    withdraw(entry.ids["number"], by=SYSTEM, at=entry.at)
    return True


def _revoke_role(entry: Entry) -> bool:
    return revoke_role_again(entry.ids["grant"], before=entry.at, by=SYSTEM, at=entry.at)


def _disable(entry: Entry) -> bool:
    disable_person(entry.ids["person"], by=SYSTEM, at=entry.at)
    return True


def _enable(entry: Entry) -> bool:
    enable_person(entry.ids["person"], by=SYSTEM, at=entry.at)
    return True


DEEDS: dict[str, Callable[[Entry], bool]] = {
    "erase_person": _erase,
    "revoke_certificate": _revoke_certificate,
    "withdraw_certificate": _withdraw_certificate,
    "revoke_role": _revoke_role,
    "disable_person": _disable,
    "enable_person": _enable,
}
"""What an entry does; returns whether it changed something. Doing it twice is the same as once."""


def replay(journal: Journal) -> Counter[str]:
    """Does every entry again, in order; returns how many of each kind changed something.

    The whole journal is replayed, not what is later than the backup: an entry is on the disk a moment before its
    transaction commits, so that a backup taken in between knows the entry and not what it did. Raises Refused for
    an entry that only a newer version can read.
    """
    done: Counter[str] = Counter()
    for entry in journal.entries:
        deed = DEEDS.get(entry.what)
        if deed is None:
            raise Refused(_("The journal contains an unknown entry: %(what)s", what=entry.what))
        try:
            done[entry.what] += deed(entry)
        except (NotFound, Refused):  # made after the backup, or not valid any more: nothing is left to undo
            continue
    return done
