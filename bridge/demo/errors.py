"""What can stop the demo."""


class DemoError(Exception):
    """The demo can't start or go on; the message is one clear line for the person in front of it."""
