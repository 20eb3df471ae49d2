"""Presentation contexts: what we take, what we ask for and what we offer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from pydicom.pixels import get_decoder
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

UNCOMPRESSED = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
USUAL_CLASSES = (
    CTImageStorage, MRImageStorage, EnhancedCTImageStorage, EnhancedMRImageStorage, SecondaryCaptureImageStorage,
    SegmentationStorage, EnhancedSRStorage, ComprehensiveSRStorage, Comprehensive3DSRStorage, EncapsulatedPDFStorage,
    KeyObjectSelectionDocumentStorage, GrayscaleSoftcopyPresentationStateStorage,
)  # fmt: skip
"""Fetched where a peer does not say which classes a study holds."""
MAX_CONTEXTS = 126
"""Of one association there may be 128; two are left for queries."""


@cache
def decodable_syntaxes() -> tuple[str, ...]:
    """Transfer syntaxes whose pixels can be read here, uncompressed ones first."""
    plain = (*UNCOMPRESSED, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)
    return tuple(str(uid) for uid in (*plain, *(u for u in AllTransferSyntaxes if u not in plain and _decodes(u))))


def _decodes(uid: UID) -> bool:
    try:
        return bool(get_decoder(uid).is_available)
    except (NotImplementedError, ValueError):
        return False


@cache
def accepted_contexts() -> tuple[PresentationContext, ...]:
    """Every storage class in every transfer syntax that can be decoded: what the listener takes."""
    syntaxes = list(decodable_syntaxes())
    return tuple(build_context(str(c.abstract_syntax), syntaxes) for c in AllStoragePresentationContexts)


def wanted_contexts(sop_classes: Iterable[str]) -> list[PresentationContext]:
    """For fetching: a context for each class and syntax, so that the peer need not recode; fewer where many classes."""
    classes = list(dict.fromkeys(sop_classes)) or [str(c) for c in USUAL_CLASSES]
    compressed = [s for s in decodable_syntaxes() if s not in UNCOMPRESSED]
    contexts = [build_context(c, list(UNCOMPRESSED)) for c in classes]
    if len(classes) * (1 + len(compressed)) <= MAX_CONTEXTS:
        contexts += [build_context(c, s) for c in classes for s in compressed]
    elif 2 * len(classes) <= MAX_CONTEXTS:
        contexts += [build_context(c, compressed) for c in classes]
    return contexts[:MAX_CONTEXTS]


def offered_contexts(kinds: Sequence[tuple[str, str]]) -> list[PresentationContext]:
    """For sending: each (class, syntax) as it is, and each class uncompressed for peers that take no other."""
    pairs = list(dict.fromkeys((c, s) for c, s in kinds if s not in UNCOMPRESSED))
    classes = list(dict.fromkeys(c for c, _ in kinds))
    contexts = [build_context(c, list(UNCOMPRESSED)) for c in classes] + [build_context(c, s) for c, s in pairs]
    return contexts[:MAX_CONTEXTS]
