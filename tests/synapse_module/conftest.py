"""Synapse is imported once before the tests, since it warns of its own affairs while it is."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import synapse.module_api  # noqa: F401
