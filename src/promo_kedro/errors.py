"""Errors whose message is all that a user needs: the command line prints them in one line."""

from click import ClickException


class InputError(ClickException, ValueError):
    """The data or the parameters cannot be used.

    The message names the table, the column, the number of rows and an example, and says what
    to do.
    """


class MissingRunError(ClickException, RuntimeError):
    """A dataset that this run reads is missing or stale; the message names the command for it."""
