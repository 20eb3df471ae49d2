"""The report in the panel: its text, its sentences edited, questions, differences, language."""
