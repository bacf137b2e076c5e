"""What people are to be told, by which channel, and whether they want it: a ledger, claimed row by row."""
