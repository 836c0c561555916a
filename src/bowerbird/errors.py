"""Errors a user can act on: each message names the place, the value and the cure."""


class BowerbirdError(Exception):
    """Something the user can put right; the command line prints it without a traceback."""


class DataError(BowerbirdError, ValueError):
    """An attachment that cannot be used as it is."""


class ParameterError(BowerbirdError, ValueError):
    """A parameter, profile or option that does not fit."""


class TrainingFailed(BowerbirdError, ArithmeticError):
    """A training whose loss or gradient is no longer a finite number; a search scores it as a failure and goes on."""


class MissingResult(BowerbirdError, FileNotFoundError):
    """A result of an earlier stage that has not been made yet."""
