"""What can be done to people, their accounts, and the list of countries."""

from __future__ import annotations

from lms.people.actions.access import (
    DemoAccount,
    create_staff,
    create_token,
    disable_person,
    enable_person,
    grant_role,
    revoke_role,
    revoke_token,
    set_demo_accounts,
)
from lms.people.actions.accounts import (
    SignedIn,
    TooManyFailures,
    WrongCredentials,
    ask_reset,
    ask_sign_in_link,
    change_password,
    check_own_password,
    check_password,
    confirm,
    note_sign_in,
    register,
    reset_password,
    sign_in,
    use_sign_in_link,
)
from lms.people.actions.countries import declare_partners, load_countries
from lms.people.actions.files import PersonRow, StagedPeople, publish_people, stage_people
from lms.people.actions.persons import change_profile, create_person, set_country
from lms.people.actions.privacy import erase_person, export_person, merge_people, undo_merge

__all__ = [
    "DemoAccount",
    "PersonRow",
    "SignedIn",
    "StagedPeople",
    "TooManyFailures",
    "WrongCredentials",
    "ask_reset",
    "ask_sign_in_link",
    "change_password",
    "change_profile",
    "check_own_password",
    "check_password",
    "confirm",
    "create_person",
    "create_staff",
    "create_token",
    "declare_partners",
    "disable_person",
    "enable_person",
    "erase_person",
    "export_person",
    "grant_role",
    "load_countries",
    "merge_people",
    "note_sign_in",
    "publish_people",
    "register",
    "reset_password",
    "revoke_role",
    "revoke_token",
    "set_country",
    "set_demo_accounts",
    "sign_in",
    "stage_people",
    "undo_merge",
    "use_sign_in_link",
]
