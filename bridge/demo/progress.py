"""What the person in front of the demo sees."""

import time

import click


class Progress:
    """Prints one line a step, with the seconds since the start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """One step, at once, also into a pipe."""
        click.echo(f"[{time.monotonic() - self._started:5.1f} s] {text}")
