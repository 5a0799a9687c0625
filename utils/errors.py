"""The error of everything that reads data: a `DataError` holds what is wrong, and what its reader can do about it."""


class DataError(ValueError):
    """The data is not what it should be; the message names it and says what to pass instead."""
