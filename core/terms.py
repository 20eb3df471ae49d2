"""The coded terms in use: finding types, sites, measurements, attributes, units.

SNOMED CT and DICOM codes as in PS3.16 where it has them; the private scheme where neither has a word.
"""

from __future__ import annotations

from tomoscribe.core.code import PRIVATE_SCHEME, Code


def _sct(value: str, meaning: str) -> Code:
    return Code(value=value, scheme="SCT", meaning=meaning)


def _own(value: str, meaning: str) -> Code:
    return Code(value=value, scheme=PRIVATE_SCHEME, meaning=meaning)


def _ucum(value: str, meaning: str) -> Code:
    return Code(value=value, scheme="UCUM", meaning=meaning)


# Finding types
NODULE = _sct("27925004", "Nodule")
MASS = _sct("4147007", "Mass")
EMPHYSEMA = _sct("87433001", "Pulmonary emphysema")
PLEURAL_EFFUSION = _sct("60046008", "Pleural effusion")
CONSOLIDATION = _sct("95436008", "Lung consolidation")
WHITE_MATTER_LESIONS = _own("WML", "White matter lesions")
VENTRICULAR_ENLARGEMENT = _own("VENTR", "Ventricular enlargement")
BRAIN_MASS = _own("BRAINMASS", "Space-occupying brain lesion")
ORGAN_MEASUREMENT = _own("ORGAN", "Organ measurement")
"""A measured organ, not a disease; ``site`` says which organ."""

# Sites
LUNG = _sct("39607008", "Lung")
RIGHT_UPPER_LOBE = _sct("45653009", "Upper lobe of right lung")
RIGHT_MIDDLE_LOBE = _sct("72481006", "Middle lobe of right lung")
RIGHT_LOWER_LOBE = _sct("266005", "Lower lobe of right lung")
LEFT_UPPER_LOBE = _sct("44714003", "Upper lobe of left lung")
LEFT_LOWER_LOBE = _sct("41224006", "Lower lobe of left lung")
PLEURA = _sct("3120008", "Pleura")
AIRWAYS = _sct("89187006", "Airway")
THORACIC_VERTEBRAE = _own("THORVERT", "Trabecular bone of the thoracic vertebrae")
INTRACRANIAL = _sct("1101003", "Intracranial")
BRAIN = _sct("12738006", "Brain")
CEREBRAL_WHITE_MATTER = _sct("68523003", "Cerebral white matter")
VENTRICLES = _sct("35764002", "Brain ventricle")

LOBES = (RIGHT_UPPER_LOBE, RIGHT_MIDDLE_LOBE, RIGHT_LOWER_LOBE, LEFT_UPPER_LOBE, LEFT_LOWER_LOBE)

# Laterality
RIGHT = _sct("24028007", "Right")
LEFT = _sct("7771000", "Left")
BILATERAL = _sct("51440002", "Right and left")
MIDLINE = _sct("261129000", "Midline")

# Measurements
LONG_AXIS = _sct("103339001", "Long axis")
SHORT_AXIS = _sct("103340004", "Short axis")
MEAN_DIAMETER = _own("MEANDIAM", "Mean diameter")
SOLID_DIAMETER = _own("SOLIDDIAM", "Diameter of solid component")
VOLUME = _sct("118565006", "Volume")
MEAN_ATTENUATION = Code(value="112181", scheme="DCM", meaning="Mean Attenuation Coefficient")
LAA_950 = _own("LAA950", "Low attenuation area below -950 HU")
PERC15 = _own("PERC15", "15th percentile of lung attenuation")
COUNT = _own("COUNT", "Number of lesions")

LONG_AXIS_3D = _own("LONGAXIS3D", "Long axis in three dimensions")
SHORT_AXIS_3D = _own("SHORTAXIS3D", "Short axis in three dimensions")
VOLUME_DOUBLING_TIME = _own("VDT", "Volume doubling time")
VOLUME_DOUBLING_TIME_LOW = _own("VDTLOW", "Volume doubling time, lower 95 % limit")
VOLUME_DOUBLING_TIME_HIGH = _own("VDTHIGH", "Volume doubling time, upper 95 % limit")

# Attributes (qualitative evaluations)
ATTENUATION_CLASS = _own("ATTCLASS", "Attenuation class")
SOLID = _own("SOLID", "Solid")
PART_SOLID = _own("PARTSOLID", "Part-solid")
GROUND_GLASS = Code(value="112120", scheme="DCM", meaning="Ground glass opacity")
NOT_DETERMINED = _own("NOTDET", "Not determined")
LOBE = _own("LOBE", "Lobe")
"""Attribute whose value is one of LOBES or NOT_DETERMINED."""

CALCIFICATION = _own("CALCPATTERN", "Pattern of calcification")
"""Attribute whose value is one of CALCIFICATIONS; absent where no calcification was measured."""
CALCIFIED_COMPLETELY = _own("CALCCOMPLETE", "Complete calcification")
CALCIFIED_CENTRALLY = _own("CALCCENTRAL", "Central calcification")
CALCIFIED_RING = _own("CALCRING", "Ring-shaped calcification")
CALCIFIED_ECCENTRICALLY = _own("CALCECC", "Eccentric calcification")
CALCIFIED_OTHERWISE = _own("CALCOTHER", "Calcification of undetermined pattern")
CALCIFICATIONS = (
    CALCIFIED_COMPLETELY,
    CALCIFIED_CENTRALLY,
    CALCIFIED_RING,
    CALCIFIED_ECCENTRICALLY,
    CALCIFIED_OTHERWISE,
)
BENIGN_CALCIFICATIONS = (CALCIFIED_COMPLETELY, CALCIFIED_CENTRALLY, CALCIFIED_RING)
FAT = _own("FAT", "Fat inside")
CONTAINED = _own("CONTAINED", "Contained")
PLEURAL_RELATION = _own("PLEURALREL", "Relation to the pleura")
AIRWAY_RELATION = _own("AIRWAYREL", "Relation to the airways")
TOUCHING = _own("TOUCHING", "Touching")

# Segmented property categories (SEG)
ANATOMICAL_STRUCTURE = _sct("91723000", "Anatomical Structure")
ABNORMAL_STRUCTURE = _sct("49755003", "Morphologically Abnormal Structure")

# Units
MM = _ucum("mm", "mm")
MM3 = _ucum("mm3", "mm3")
ML = _ucum("mL", "ml")
HU = _ucum("[hnsf'U]", "HU")
PERCENT = _ucum("%", "%")
DAY = _ucum("d", "days")
ONE = _ucum("1", "no units")
