"""The whole platform on one machine, for a look and for the tests."""
