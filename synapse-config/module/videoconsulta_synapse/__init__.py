"""A Synapse module that guards Videoconsulta's consult rooms. It stands alone: nothing of the bridge is imported."""

from videoconsulta_synapse.guard import Guard

__all__ = ["Guard"]
