"""The tables of the bridge and the statements over them."""
