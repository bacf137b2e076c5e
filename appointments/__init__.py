"""The care domain, pure: who may consult whom, when, and how a visit goes."""
