"""The one error tree of the project. Every message says what was expected, what was found, where, and what to do."""

from __future__ import annotations


class TomoscribeError(Exception):
    """Root of all errors that a user can cause or cure.

    Args:
        what: what was expected and what was found, in one sentence.
        where: the file, folder or UID concerned (never a patient's name or ID).
        remedy: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(self.line())

    def line(self) -> str:
        """The whole message on one line."""
        parts = [self.what.rstrip(".")]
        if self.where:
            parts[0] += f" ({self.where})"
        if self.remedy:
            parts.append(self.remedy.rstrip("."))
        return ". ".join(parts) + "."


class GeometryError(TomoscribeError):
    """An affine, a shape or a point that cannot describe voxels in patient space."""

    exit_code = 3


class InvalidValueError(TomoscribeError):
    """A value that a core type cannot hold."""

    exit_code = 3


class InputError(TomoscribeError):
    """The input is not there, not readable, or not DICOM."""

    exit_code = 3


class RefusedSeriesError(InputError):
    """A series that cannot become a volume without guessing."""

    exit_code = 4


class UnsupportedError(TomoscribeError):
    """Valid input that nothing in this version reads (a modality, a body part, a transfer syntax)."""

    exit_code = 4


class OutputError(TomoscribeError):
    """Results cannot be written; nothing was left behind."""

    exit_code = 5


class WeightsError(TomoscribeError):
    """Weights are missing, altered or do not fit the network."""

    exit_code = 6


class MemoryPlanError(TomoscribeError):
    """No plan for this study fits into the memory of the chosen device."""

    exit_code = 7


class LockError(TomoscribeError):
    """The evidence lock objects to a report that was about to be exported or signed."""

    exit_code = 8


class PeerError(TomoscribeError):
    """A PACS cannot be reached, refuses, times out or answers what nobody understands; nothing is lost or doubled."""

    exit_code = 9


class UnsignedError(TomoscribeError):
    """A report cannot be signed yet, or something that leaves only when signed was asked of an unsigned one."""

    exit_code = 10


class AuditError(TomoscribeError):
    """The audit store is not what was written into it."""

    exit_code = 11


class RegressionError(TomoscribeError):
    """A validation run is worse than the earlier one beyond noise."""

    exit_code = 12


class ConfigError(TomoscribeError):
    """A configuration file with an unknown key or a value out of range."""

    exit_code = 2


class MissingExtraError(TomoscribeError):
    """A feature needs an optional dependency that is not installed."""

    exit_code = 2

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages of the extra '{extra}'",
            remedy=f'install them with: pip install "tomoscribe[{extra}]"',
        )


class CancelledError(TomoscribeError):
    """The user cancelled the work; nothing was written."""

    exit_code = 130
