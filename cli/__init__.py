"""The command ``tomoscribe``: one file per command, everything heavy imported late."""
