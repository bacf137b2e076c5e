"""The assistant in Matrix: what reaches it, its dialogues, and the desks behind them."""
