"""Reviewing and editing a reading: history, autosaved draft, tools on the images, forms, and what joins them."""
