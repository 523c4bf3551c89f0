"""Commands about staff accounts."""

import click

from lms.cli.context import application
from lms.core.base.roles import SYSTEM, Role
from lms.core.time import clock


@click.group()
def user() -> None:
    """Manages staff accounts."""


@user.command("create")
@click.argument("email")
@click.option("--name", required=True, help="Full name.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--country", help="Country code. Required for a focal point.")
def create_user(email: str, name: str, role: str, country: str | None) -> None:
    """Grants a role and prints a one-time link to sign in and set a password."""
    from lms.people.actions.access import create_staff
    from lms.people.rules import INVITATION_LASTS

    with application() as config:
        at = clock.now()
        secret = create_staff(email, name, Role(role), country, by=SYSTEM, at=at)
        click.echo(f"{config.base_url}/sign-in/{secret}")
        click.echo(f"The link works once, until {at + INVITATION_LASTS:%Y-%m-%d %H:%M} UTC.", err=True)


@user.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Resets the second factor of someone who lost their device. Use it when no administrator can."""
    from lms.people.actions.factors import reset_second_factor as reset
    from lms.people.queries.persons import find_person_by_email

    with application():
        person = find_person_by_email(email)
        if person is None:
            raise click.ClickException("there is no one with this e-mail address")
        reset(person.public_id, by=SYSTEM, at=clock.now())
        click.echo("Signing in no longer needs a code. All sessions have ended.")
