"""Clips that are made, not taken. Only `cli` and `local` use them; nothing of the product does."""
