"""How long each stage of a study takes on this machine, how that grows, and how much memory it needs."""
