"""REST for integrators: one route table, one error wrapper."""
