"""Reviewing and editing a reading: history, autosaved draft, tools on the canvas, forms, and the desk that joins them."""
