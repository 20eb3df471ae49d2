"""Training: the only user of pytorch-lightning. Recipes in, weights with their history out."""
