"""An e-mail to a person: to their address, in their language and time zone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lms.core.text.i18n import spoken
from lms.core.text.translations import for_reader
from lms.people.queries.persons import Contact


def mail_to(
    person_id: int,
    contact: Contact,
    template: str,
    payload: Mapping[str, Any],
    *,
    dedupe_key: str,
    at: datetime,
    **more: Any,
) -> dict[str, Any]:
    """Returns a row for `post_mails`, with the person's name in the payload, and texts (`TextOf`) in their language.

    `more` are further columns of it.
    """
    return {
        "template": template,
        "address": contact.address,
        "locale": contact.locale,
        "time_zone": contact.time_zone,
        "person_id": person_id,
        "payload": for_reader({"full_name": contact.full_name, **payload}, spoken(contact.locale)),
        "dedupe_key": dedupe_key,
        "created_at": at,
        **more,
    }
