"""Who takes part: people, whom they consult, who represents them."""
