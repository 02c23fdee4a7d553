"""How well, and how fast, Carbet finds the identities of one person."""
