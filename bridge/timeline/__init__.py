"""Events of rooms: what they are to us, their order, and how they are fetched and opened."""
