"""Consult rooms and direct chats: made, kept as they should be, and what we know of them."""
