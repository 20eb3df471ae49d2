"""Head MR patients."""
