"""Chest CT patients."""
