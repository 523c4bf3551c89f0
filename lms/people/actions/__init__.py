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
    KnownDevice,
    change_password,
    check_own_password,
    check_password,
    confirm,
    register,
    reset_password,
    use_sign_in_link,
)
from lms.people.actions.addresses import ask_address_change, change_address
from lms.people.actions.attempts import TooManyFailures, WrongCode, WrongCredentials
from lms.people.actions.countries import declare_partners, load_countries
from lms.people.actions.factors import (
    begin_second_factor,
    check_otp,
    check_owner,
    confirm_second_factor,
    remove_second_factor,
    renew_recovery_codes,
    reset_second_factor,
    seal_second_factors,
)
from lms.people.actions.files import PersonRow, StagedPeople, publish_people, stage_people
from lms.people.actions.links import ask_reset, ask_sign_in_link
from lms.people.actions.persons import change_profile, confirm_name, create_person, hold_addresses, set_country
from lms.people.actions.privacy import erase_person, export_person, merge_people, undo_merge
from lms.people.actions.sessions import (
    begin_second_step,
    begin_session,
    end_session,
    note_sign_in,
    note_use,
    prune_sessions,
    sign_out,
    sign_out_everywhere,
)

__all__ = [
    "DemoAccount",
    "KnownDevice",
    "PersonRow",
    "StagedPeople",
    "TooManyFailures",
    "WrongCode",
    "WrongCredentials",
    "ask_address_change",
    "ask_reset",
    "ask_sign_in_link",
    "begin_second_factor",
    "begin_second_step",
    "begin_session",
    "change_address",
    "change_password",
    "change_profile",
    "check_otp",
    "check_own_password",
    "check_owner",
    "check_password",
    "confirm",
    "confirm_name",
    "confirm_second_factor",
    "create_person",
    "create_staff",
    "create_token",
    "declare_partners",
    "disable_person",
    "enable_person",
    "end_session",
    "erase_person",
    "export_person",
    "grant_role",
    "hold_addresses",
    "load_countries",
    "merge_people",
    "note_sign_in",
    "note_use",
    "prune_sessions",
    "publish_people",
    "register",
    "remove_second_factor",
    "renew_recovery_codes",
    "reset_password",
    "reset_second_factor",
    "revoke_role",
    "revoke_token",
    "seal_second_factors",
    "set_country",
    "set_demo_accounts",
    "sign_out",
    "sign_out_everywhere",
    "stage_people",
    "undo_merge",
    "use_sign_in_link",
]
