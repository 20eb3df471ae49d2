"""Where the listener's studies and results stand, in numbers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tomoscribe.core.errors import InputError
from tomoscribe.reports.site import Site

STATE_FILE = "state.sqlite"


def status_lines(site: Site) -> list[str]:
    """One line a state; read beside a running listener.

    Raises:
        InputError: no listener has run in this folder.
    """
    path = Path(site.listening().folder) / STATE_FILE
    if not path.is_file():
        raise InputError("no listener has run here yet", where=str(path.parent), remedy="start tomoscribe listen")
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        studies = db.execute("SELECT state, COUNT(*) FROM study GROUP BY state ORDER BY state").fetchall()
        results = db.execute(
            "SELECT destination, state, COUNT(*) FROM outgoing GROUP BY destination, state ORDER BY 1, 2"
        ).fetchall()
        failed = db.execute("SELECT reason, COUNT(*) FROM study WHERE state = 'failed' GROUP BY reason").fetchall()
        (num_bytes,) = db.execute("SELECT COALESCE(SUM(num_bytes), 0) FROM object").fetchone()
    finally:
        db.close()
    lines = [f"inbox: {num_bytes / 1e9:.3f} of {site.keep.max_gb:g} GB"]
    lines += [f"studies {state}: {count}" for state, count in studies]
    lines += [f"results for {destination} {state}: {count}" for destination, state, count in results]
    return lines + [f"not read ({count}): {reason}" for reason, count in failed]
