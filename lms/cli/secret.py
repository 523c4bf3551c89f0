"""The command that replaces the secret of an installation."""

import click

from lms.cli.context import application
from lms.core.base.errors import Refused
from lms.core.storage.secret_keys import begin_rotation, end_rotation


@click.command("rotate-secret")
@click.option("--finish", is_flag=True, help="Re-encrypt with the new secret and remove the old one.")
def rotate_secret(finish: bool) -> None:
    """Replaces the secret that signs cookies and encrypts second factors and calendar addresses, in two steps.

    The first puts a new secret in place; the old one is still accepted. Restart `lms serve` and `lms worker`, then
    finish, and restart them once more.
    """
    from lms.enrolment.actions.calendars import seal_addresses
    from lms.people.actions.factors import seal_second_factors

    with application() as config:
        if not finish:
            begin_rotation(config)
            click.echo("A new secret is in place. The old one is still accepted.")
            click.echo("Restart lms serve and lms worker, then run: lms keys rotate-secret --finish")
            return
        if config.secret_key and not config.secret_key_old:
            raise Refused("LMS_SECRET_KEY_OLD is not set: there is nothing to finish")
        count = seal_second_factors(unsealed_only=False) + seal_addresses()
        end_rotation(config)
        click.echo(f"Encrypted with the new secret: {count}. The old secret was removed.")
        if config.secret_key_old:
            click.echo("Remove LMS_SECRET_KEY_OLD from the settings.")
        click.echo("Restart lms serve and lms worker.")
