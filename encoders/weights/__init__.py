"""The shipped weights of the encoders, and the code that reads and writes such files."""

from tomoscribe.encoders.weights.files import (
    FOLDER,
    ManifestEntry,
    Weights,
    fit,
    list_weights,
    load_weights,
    save_weights,
)

__all__ = ["FOLDER", "ManifestEntry", "Weights", "fit", "list_weights", "load_weights", "save_weights"]
