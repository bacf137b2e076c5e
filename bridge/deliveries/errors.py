"""What a channel says of a delivery that it did not make."""

from datetime import datetime


class NotWantedError(Exception):
    """Nobody needs to be told any more: it was read, cancelled, or switched off."""


class NotNowError(Exception):
    """The person wants it at another time."""

    def __init__(self, until: datetime) -> None:
        super().__init__(str(until))
        self.until = until


class BusyError(Exception):
    """Who takes it has too much to do: a try that failed, and that may come again from then on."""

    def __init__(self, until: datetime) -> None:
        super().__init__(str(until))
        self.until = until


class UndeliverableError(Exception):
    """It will never arrive: there is no such address, or nobody takes it."""
