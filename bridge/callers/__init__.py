"""Who calls the API, and what they asked already."""
