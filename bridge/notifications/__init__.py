"""Telling people that something waits: a ledger of what is to be told, and the channels that tell it."""
