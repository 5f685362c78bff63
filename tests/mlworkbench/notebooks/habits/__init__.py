"""Small notebooks with the habits of public ones."""
