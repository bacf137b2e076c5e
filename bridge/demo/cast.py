"""Who lives in the demo. The keys are the names in `demo.json`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Person:
    """Someone with an account of their own at one of the homeservers, or a `managed` user of the portal."""

    name: str
    display_name: str
    home: Literal["portal", "hospital"]
    managed: bool = False


CAST = {
    "patient": Person("maria", "María Ruiz", "portal"),
    "patient2": Person("pedro", "Pedro Soto", "portal"),
    "portal": Person("lucia", "Lucía Prieto", "portal", managed=True),
    "portal2": Person("juan", "Juan Ferrer", "portal", managed=True),
    "professional": Person("garcia", "Dra. García", "hospital"),
    "professional2": Person("lopez", "Dr. López", "hospital"),
}

CARED_FOR = ("patient", "patient2", "portal", "portal2")
"""Whom `professional` cares for; `professional2` cares for nobody yet."""

INTEGRATOR = "portal-backend"
"""Who holds the demo's API key."""
