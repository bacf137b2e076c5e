"""A small end-to-end encryption machine on vodozemac."""
