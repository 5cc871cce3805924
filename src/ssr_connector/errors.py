"""Errors that a user can do something about: one sentence that names the file and says what to do."""


class UserError(Exception):
    """Printed as one line by the command line, with exit status 2 and no traceback."""
