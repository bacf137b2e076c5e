"""The conversation: what bots say and understand, in Spanish and English. No transport, no database."""
