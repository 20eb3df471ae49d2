"""Figures of merit, each written once: definition and source in its docstring, equal to its reference in a test."""
