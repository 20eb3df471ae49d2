"""The English words the evidence lock understands: data. A word that is in no table makes a sentence fail.

Phrases are separated by ``|``; they are written as the lexer leaves them: lower case, hyphens as blanks, dates as
``<date>``, ``cannot`` as ``can not``. The longest phrase wins.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tomoscribe.core import Code, Direction, Laterality, terms
from tomoscribe.reports.lock.lexicon import ATTENUATION, AXES, DIAMETER, MEAN, PROBABILITY, Kind, Tables, Tag, rows_of

NEUTRAL_WORDS = """
a about above accompanied account accounting accounts additionally affected affecting affects after again algorithm
all along also altogether am among amount amounting amounts an analysis appear appearance appearing appears
appreciated approx approximate approximately are around as assessment associated at attenuating attributable
automated automatic automatically axial based be became because become becomes been being belong belongs best
between bidimensional body burden ca calculated caliper calipers can cavity character check chest circa clearly
combined come comes compartment compatible composed comprise comprises comprising computed consistent consisting
consists contain contained containing contains contributes contributing coronal correspond corresponding corresponds
could counted cross ct date dated demonstrate demonstrated demonstrates demonstrating densitometric densitometry
depict depicted depicts derived described detailed details detect detected did dimension dimensions discrete display
displayed displays distinct distributed do documented does due during entire equal equals estimate estimated
evaluation evidence evident exam examination examinations exist exists extending extends extension extent extracted
far feature features find finding findings finds flair focal for found fraction give given gives giving had harbor
harbors has have having held hence here hold holds identified identifies identify image images imaging in including
indicate indicates indicating individual individually interval into involve involves involving is it its itself
keeping lesional lie lies line listed load localized located location look lumen lying made main mainly make makes
mask masks measure measured measurement measurements measures measuring moreover mr mri must namely nature nearly
nodular note noted notes observe observed obtained occupies occupy occupying of on onto over overall owing own part
partly parts per percentage pixels plane planes please portion presence present presents principal proportion
quantification quantified quantitative radiologist radiologists reaches reaching read reader reads recorded
reference referring region remain remained remaining remains report resides residing respectively reveal revealed
revealing reveals roughly sagittal scan scans scattered section sectional sections see seen segmentation segmented
separate separately sequence sequences share show showing shown shows side sided since sits sitting situated size
sized sizes slices software space span spanning spans spread still studies study sum summed system t1 t2 that the
their them there therefore thereof these they thick thickness this thoracic thorax those thresholded through
throughout thus time tissue together tomography total totaling totalled totalling totals traceable traced tracing
transverse type upon used using value values via visible visualised visualized volumetric volumetry voxel voxels was
we weighted well were when where which while who whole whose within yield yielded yielding yields zone
"""

ENTITIES: dict[str, tuple[Code, ...]] = {
    "nodule|nodules|nodular opacity|nodular opacities|nodular lesion|nodular lesions|nodular density|nodular focus": (
        terms.NODULE,
    ),
    "mass|masses|mass lesion|mass lesions": (terms.MASS, terms.BRAIN_MASS),
    "lesion|lesions|focus|foci": (terms.NODULE, terms.MASS, terms.WHITE_MATTER_LESIONS, terms.BRAIN_MASS),
    "nodules and masses|masses and nodules|nodules or masses": (terms.NODULE, terms.MASS),
    "emphysema|pulmonary emphysema|lung emphysema|emphysematous change|emphysematous changes|"
    "emphysematous destruction|"
    "emphysematous lung|emphysematous lung change|emphysematous lung changes|emphysematous parenchyma|"
    "emphysematous lung parenchyma|emphysematous": (terms.EMPHYSEMA,),
    "pleural effusion|pleural effusions|effusion|effusions|pleural fluid|pleural fluid collection|"
    "fluid in the pleural space|fluid in the pleural cavity": (terms.PLEURAL_EFFUSION,),
    "consolidation|consolidations|lung consolidation|pulmonary consolidation|consolidative opacity|"
    "consolidative change|"
    "consolidative changes|airspace consolidation|air space consolidation|parenchymal consolidation|"
    "consolidated lung": (terms.CONSOLIDATION,),
    "white matter lesion|white matter lesions|white matter hyperintensity|white matter hyperintensities|"
    "hyperintense white matter lesion|hyperintense white matter lesions|lesions of the cerebral white matter|"
    "lesions of the white matter|lesions in the white matter|lesions in the cerebral white matter|"
    "white matter foci|hyperintense foci|hyperintense lesions|hyperintensity|hyperintensities|"
    "foci of hyperintensity|foci of t2 flair hyperintensity|foci of flair hyperintensity|"
    "flair hyperintense foci|flair hyperintense lesions|white matter signal abnormality|"
    "white matter signal abnormalities|"
    "white matter change|white matter changes": (terms.WHITE_MATTER_LESIONS,),
    "enlargement of the ventricles|ventricular enlargement|enlarged ventricles|ventriculomegaly|dilated ventricles|"
    "ventricular dilatation|ventricular dilation|dilatation of the ventricles|dilation of the ventricles|"
    "widened ventricles|widening of the ventricles|ventricular widening|enlargement of the ventricular system|"
    "dilatation of the ventricular system|dilation of the ventricular system|enlarged ventricular system|"
    "dilated ventricular system|enlargement of the cerebral ventricles|widening of the ventricular system": (
        terms.VENTRICULAR_ENLARGEMENT,
    ),
    "space occupying lesion|space occupying lesions|brain mass|intracranial mass|space occupying process|"
    "space occupying brain lesion|intracranial space occupying lesion|brain mass lesion|intracranial mass lesion|"
    "cerebral mass|cerebral mass lesion|intra axial mass": (terms.BRAIN_MASS,),
}
"""Noun to the finding types it may name."""

PLURALS = frozenset(
    [
        "nodules",
        "nodular opacities",
        "nodular lesions",
        "masses",
        "mass lesions",
        "lesions",
        "foci",
        "nodules and masses",
        "masses and nodules",
        "nodules or masses",
        "effusions",
        "pleural effusions",
        "consolidations",
    ]
)
"""Nouns that claim more than one of what they name."""

SIDES: dict[str, Laterality] = {
    "right|right sided|dextral": Laterality.RIGHT,
    "left|left sided|sinistral": Laterality.LEFT,
    "bilateral|bilaterally|both|both sides|on both sides|right and left|left and right": Laterality.BILATERAL,
    "midline|in the midline": Laterality.MIDLINE,
}
SITES: dict[str, Code] = {
    "lung|lungs|pulmonary|intrapulmonary|lung parenchyma|pulmonary parenchyma|parenchyma|parenchymal|"
    "lung tissue": terms.LUNG,
    "pleura|pleural|pleural space|pleural cavity": terms.PLEURA,
    "airway|airways|tracheobronchial tree|bronchial tree|tracheobronchial|airway tree|trachea and bronchi|"
    "trachea and the bronchi|central airways|tracheobronchial system|tracheobronchial airways": terms.AIRWAYS,
    "trabecular bone of the thoracic vertebrae|trabecular bone of the vertebrae|thoracic vertebrae|thoracic vertebra": (
        terms.THORACIC_VERTEBRAE
    ),
    "icv|intracranial|intracranial cavity|intracranial space|cranial cavity|cranial vault|inside the skull|"
    "intracranial compartment|cranium|intracranial contents": terms.INTRACRANIAL,
    "brain|brain tissue|brain parenchyma|cerebral parenchyma|cerebral|cerebrum|parenchymal brain": terms.BRAIN,
    "cerebral white matter|white matter|hemispheric white matter": terms.CEREBRAL_WHITE_MATTER,
    "ventricle|ventricles|ventricular|ventricular system|cerebral ventricles|ventricles of the brain|"
    "ventricular spaces|ventricular space|ventricular csf|brain ventricles|intraventricular": terms.VENTRICLES,
}
LEVELS = {"upper lobe": "upper", "middle lobe": "middle", "lower lobe": "lower"}
DENSITIES: dict[str, Code] = {
    "solid": terms.SOLID,
    "including the ground glass portion|including its ground glass portion|"
    "including the ground glass part|including the ground glass component|"
    "with the ground glass portion|part solid|partly solid|partially solid|semisolid|semi solid|"
    "mixed solid and ground glass|"
    "mixed ground glass and solid|mixed density|mixed attenuation": terms.PART_SOLID,
    "ground glass|groundglass|non solid|nonsolid|pure ground glass|ggo|ggn|ground glass opacity": terms.GROUND_GLASS,
}

QUANTITIES: dict[str, Code | str] = {
    "long axis|longest axis|major axis|long axis diameter|longest diameter|greatest diameter|maximum diameter|"
    "maximal diameter|largest diameter|greatest dimension|largest dimension|maximum dimension|maximal dimension|"
    "longest dimension|greatest axial dimension|maximal axial diameter|maximum axial diameter|"
    "greatest axial diameter|"
    "largest axial diameter|longest axial diameter|longest axial dimension|long axis measurement|long diameter|"
    "long axial axis|long dimension|axial long axis|maximum axial dimension|maximal axial dimension|length|"
    "largest axial dimension|greatest extent|maximum extent|long axis length|longest in plane diameter|"
    "in plane long axis|axial long axis diameter|greatest transverse diameter|maximum in plane diameter|"
    "greatest in plane diameter|largest in plane diameter": terms.LONG_AXIS,
    "short axis|shortest axis|minor axis|short axis diameter|shortest diameter|perpendicular|perpendicular to it|"
    "perpendicular diameter|orthogonal diameter|orthogonal|at right angles|at right angles to it|"
    "perpendicular to that|"
    "perpendicular axis|orthogonal axis|perpendicular dimension|orthogonal dimension|short diameter|"
    "perpendicular to this|orthogonal to it|short axial axis|axial short axis|perpendicularly|width|in width|"
    "short dimension|short axis length|in the perpendicular direction|smallest diameter|smaller diameter|"
    "perpendicular short axis|perpendicular axial diameter": terms.SHORT_AXIS,
    "mean diameter|average diameter|mean diam|mean axial diameter|average axial diameter|mean of the two diameters|"
    "average of the two diameters|average of both diameters|mean of both diameters|mean of the two axes|"
    "average of the two axes|average of both axes|mean of both axes|mean size|average size|"
    "mean of long and short axis|average of long and short axis|diameter averaged|diameter on average|"
    "averaged diameter|mean of long and short axes|average of long and short axes|"
    "diameter averages": terms.MEAN_DIAMETER,
    "long axis in three dimensions|three dimensional long axis": terms.LONG_AXIS_3D,
    "short axis in three dimensions|three dimensional short axis": terms.SHORT_AXIS_3D,
    "volume doubling time|doubling time": terms.VOLUME_DOUBLING_TIME,
    "lower limit|lower limit of the doubling time": terms.VOLUME_DOUBLING_TIME_LOW,
    "upper limit|upper limit of the doubling time": terms.VOLUME_DOUBLING_TIME_HIGH,
    "solid component|solid part|solid portion|solid core|solid component diameter|diameter of the solid component|"
    "diameter of the solid part|solid component measures|solid center|solid portion diameter|solid components|"
    "diameter of its solid component|diameter of its solid part|diameter of the solid portion|solid nucleus|"
    "solid constituent|solid fraction|solid element": terms.SOLID_DIAMETER,
    "volume|vol|volumetrically|volumes|segmented volume|nodule volume": terms.VOLUME,
    "mean attenuation|average attenuation|mean density|average density|mean hounsfield value|mean hu|mean ct number|"
    "mean ct density|mean ct attenuation|mean hounsfield attenuation|average hounsfield value|attenuation value": (
        terms.MEAN_ATTENUATION
    ),
    "whether it is solid or subsolid|whether solid or subsolid|whether it is solid or ground glass|"
    "whether solid or ground glass|"
    "attenuation|attenuation class|texture|density|density class|attenuation type|attenuation category|"
    "consistency": ATTENUATION,
    "perc15|15th percentile|15th percentile of lung density|15th percentile density|perc 15|"
    "15th percentile of density|"
    "15th percentile lung density|15th percentile of lung attenuation|15th percentile of attenuation|"
    "15th percentile of the lung density|15th percentile point|15th density percentile|15th percentile attenuation|"
    "15th percentile of the lung attenuation|fifteenth percentile|fifteenth percentile of lung density|"
    "15th percentile of the density histogram|15th percentile of the lung histogram|"
    "15th percentile of the attenuation histogram|pd15|15th percentile of parenchymal density": terms.PERC15,
    "mean|average|averaging|mean value": MEAN,
    "probability|likelihood|classifier probability|probability score|estimated probability|confidence|"
    "output probability|probability estimate|network probability|model probability": PROBABILITY,
    "n|number of lesions|lesion count|number|number of lung nodules|number of nodules|nodule count|"
    "number of pulmonary nodules|in number|count|count of lesions|count of nodules|lesion number": terms.COUNT,
    "axes|long and short axes|long and short axis|longest and shortest diameters|long and short diameters|"
    "diameters|axial diameters|axial axes|axial dimensions|two diameters|perpendicular diameters|"
    "orthogonal diameters|long axis and short axis|long and perpendicular axes|two axes|"
    "greatest and perpendicular diameters|long axis by short axis|long x short axis": AXES,
    "diameter|in diameter|across|axial diameter": DIAMETER,
}
"""Name of a quantity to its code, or to one of the words above for what is no measurement of its own."""

LAA_MARKERS = (
    "( -950 hu )|below -950 hu|under -950 hu|less than -950 hu|lower than -950 hu|beneath -950 hu|"
    "< -950 hu|<-950 hu|laa 950|"
    "laa950|below -950 hounsfield units|under -950 hounsfield units|low attenuation area|"
    "low attenuation areas|low attenuation volume|laa|emphysema index|low attenuation area laa 950|lav 950|"
    "low attenuation lung|threshold of -950 hu|below the -950 hu threshold|under the -950 hu threshold|"
    "-950 hu threshold|below the threshold of -950 hu|below minus 950 hu|% laa|laa %|"
    "less than -950 hounsfield units|below a threshold of -950 hu|lower than -950 hounsfield units|index at -950 hu"
)

UNITS: dict[str, tuple[Code, str]] = {
    "mm|millimeter|millimeters|millimetre|millimetres": (terms.MM, "1"),
    "cm|centimeter|centimeters|centimetre|centimetres": (terms.MM, "10"),
    "mm3|cubic millimeter|cubic millimeters|cubic millimetre|cubic millimetres|cubic mm|cu mm|mm cubed|mm 3": (
        terms.MM3,
        "1",
    ),
    "ml|milliliter|milliliters|millilitre|millilitres|cc|cm3|cubic centimeter|cubic centimeters|cubic cm|ccm|"
    "cubic centimetre|cubic centimetres": (terms.ML, "1"),
    "l|liter|liters|litre|litres": (terms.ML, "1000"),
    "hu|hounsfield units|hounsfield unit|hounsfield": (terms.HU, "1"),
    "days|day": (terms.DAY, "1"),
    "%|percent|per cent|pct": (terms.PERCENT, "1"),
}
"""Unit word to (UCUM unit, exact factor)."""

SEEN: dict[str, tuple[Code, Code]] = {
    "completely calcified|complete calcification|calcified completely": (
        terms.CALCIFICATION,
        terms.CALCIFIED_COMPLETELY,
    ),
    "central calcification|centrally calcified": (terms.CALCIFICATION, terms.CALCIFIED_CENTRALLY),
    "ring shaped calcification|ring calcification": (terms.CALCIFICATION, terms.CALCIFIED_RING),
    "eccentric calcification|eccentrically calcified": (terms.CALCIFICATION, terms.CALCIFIED_ECCENTRICALLY),
    "calcification of undetermined pattern": (terms.CALCIFICATION, terms.CALCIFIED_OTHERWISE),
    "contains fat|with fat inside|fat inside": (terms.FAT, terms.CONTAINED),
    "touches the pleura|in contact with the pleura": (terms.PLEURAL_RELATION, terms.TOUCHING),
    "touches an airway|in contact with an airway": (terms.AIRWAY_RELATION, terms.TOUCHING),
}
"""What else was seen of a lesion: attribute and value."""

REFERENCES: dict[str, str] = {
    "series|se|ser|series number|series no": "series",
    "image|im|img|image number|image no|slice|slice number|slice no|images|section number|key image": "image",
}
DIRECTIONS: dict[str, Direction] = {
    "increased|increase|increasing|increases|grown|growth|grew|growing|grows|enlarged|enlarging|"
    "enlargement|larger|bigger|"
    "progressed|progression|progressive|expanded|expansion|rise|risen|rose|gain|gained|"
    "interval growth|increase in size|"
    "increased in size|grown in size|progression in size|growth in size|size progression|interval increase|"
    "interval enlargement|size increase|gained in size": Direction.INCREASED,
    "decreased|decrease|decreasing|decreases|reduced|reduction|reduction in size|shrunk|shrunken|"
    "shrank|shrinking|shrinkage|"
    "smaller|regression|regressed|regressing|partial regression|diminished|diminution|declined|decline|fallen|fell|"
    "dropped|lessened|decrease in size|decreased in size|interval decrease|reduced in size|interval regression|"
    "interval reduction|size reduction|size decrease|receded|partially regressed|"
    "interval shrinkage": Direction.DECREASED,
    "stable|unchanged|constant|the same|same|the same as on <date>|same as on <date>|"
    "the same as at <date>|no change|no significant change|no interval change|no relevant change|"
    "not changed|not changed significantly|without change|without interval change|without significant change|"
    "neither growth nor regression|neither grown nor shrunk|neither increase nor decrease|stability|steady|"
    "within repeatability|no growth|no interval growth|static|not grown|without growth|not significantly changed|"
    "neither increased nor decreased|neither growth nor shrinkage|no change in size|unchanged in size|stable in size|"
    "no growth or regression|without interval growth|constant in size|neither larger nor smaller|"
    "neither progression nor regression|no measurable change|not changed in size|without relevant change|"
    "not changed beyond measurement variability|identical": Direction.STABLE,
    "development|interval development|emergence|new|newly|appeared|developed|has appeared|"
    "has developed|newly appeared|newly developed|new finding|"
    "newly detected|newly seen|new since|no correlate|no counterpart|without correlate|without counterpart|"
    "no correlate on the ct of <date>|not present on <date>|not seen on <date>|not visible on <date>|"
    "not there on <date>|absent on <date>|not depicted on <date>|not yet present on <date>|not yet visible on <date>|"
    "no equivalent|no corresponding nodule|no corresponding lesion|no corresponding finding|not yet present|"
    "was not present on <date>|not present in <date>|absent from the examination of <date>|"
    "not present at the examination of <date>|not seen at the examination of <date>|not seen on the ct of <date>|"
    "not present on the ct of <date>|absent on the ct of <date>|not visible on the ct of <date>|"
    "not detectable on <date>|has arisen|arisen|newly arisen|emerged|newly emerged|come up|"
    "not seen on the examination of <date>|not present on the examination of <date>|"
    "not visible on the examination of <date>|not present at the time of the examination of <date>|"
    "without a correlate|without a counterpart|not identifiable on <date>|not identified on <date>": Direction.NEW,
    "not comparable|can not be compared|could not be compared|not be compared|comparison is not possible|"
    "comparison not possible|can not be compared with <date>|not comparable with <date>|"
    "no comparison is possible": Direction.NOT_COMPARABLE,
}
COMPARED = (
    "than on <date>|than at <date>|than in <date>|prior examination <date>|prior study <date>|"
    "previous examination <date>|"
    "prior examination of <date>|previous study <date>|"
    "compared with <date>|compared to <date>|in comparison with <date>|comparison with <date>|"
    "as compared with <date>|"
    "compared with the examination of <date>|compared to the examination of <date>|relative to <date>|since <date>|"
    "compared with the ct of <date>|compared with the study of <date>|with respect to <date>|"
    "compared with the prior of <date>|compared with the prior study of <date>|versus <date>|from <date>|"
    "compared with the prior examination of <date>|since the examination of <date>|since the ct of <date>|"
    "since the study of <date>|since the prior study of <date>|in comparison to <date>|against <date>|"
    "compared with the previous examination of <date>|compared with the previous study of <date>|"
    "compared with the scan of <date>|since the prior of <date>|since the scan of <date>|"
    "as compared to <date>|over the interval since <date>|in the interval since <date>|from that of <date>|"
    "compared with prior|compared with the prior|compared to prior"
)
"""Phrases that name the prior without tying a number to it."""

PRIORS = (
    "previously|previous|prior|formerly|then|before|earlier|at that time|beforehand|at the time|back then|"
    "prior value|previous value|prior measurement|previous measurement|at the prior|on the prior|on prior|"
    "at the previous examination|at the prior examination|baseline|at baseline|initially|originally|"
    "on the prior study|on the previous study|on the previous examination|on the prior examination|formerly measured|"
    "had measured|used to measure|in the prior study|in the previous study"
)
VERSUS = (
    "versus|vs|against|as against|compared with|compared to|as compared with|as compared to|"
    "as opposed to|up from|down from|"
    "in comparison with|in comparison to|relative to|starting from|instead of|having been|after|following"
)
NOWS = (
    "now|currently|today|at present|current|presently|is now|now measures|at this time|nowadays|on the current study|"
    "on the current examination|this time|by now"
)
PASTS = "was|were|measured|had been|had"
NEGATIONS = (
    "too thick|too thick to|no|not|without|never|none|absent|absence|neither|nor|nil|lack|lacks|"
    "lacking|negative|free|no longer|resolved|resolution|"
    "disappeared|vanished|excluded|exclude|excludes|ruled out|rules out|rule out|denies|cleared|"
    "nothing|un seen|unseen|"
    "fails to|failed to|devoid"
)
NORMALS = (
    "normal|unremarkable|clear|intact|preserved|healthy|regular|physiological|within normal limits|"
    "inconspicuous|clean|"
    "normally|wnl|age appropriate|no abnormality|no abnormalities|reassuring|ok|fine|benign|harmless|normal limits"
)
HEDGES = (
    "possible|possibly|suspected|suspicion|suspicious|suspect|suspects|questionable|questioned|"
    "uncertain|may|might|maybe|unverified|"
    "unconfirmed|for review|to be reviewed|review requested|radiologist review requested|subthreshold|sub threshold|"
    "suggests|suggest|suggested|suggesting|suggestive|classifier|network|neural network|model|classifier output|"
    "candidate|equivocal|doubtful|probable|probably|potential|potentially|needs review|requires review|review needed|"
    "review list|below the reporting threshold|under the reporting threshold|below the threshold for reporting|"
    "below the threshold of reporting|under the threshold for reporting|below threshold|below the threshold|"
    "under the threshold|raises|raised|flags|flagged|flag|rates|rated|assigns|assigned|output|"
    "outputs|predicted|predicts|"
    "review|reviewed|could represent|awaiting|pending|radiologist to review|to be checked|"
    "to be verified|to be confirmed|"
    "verify|proposed|proposes|image classifier|tentative|low confidence|conceivable|"
    "beneath the reporting threshold|does not reach the reporting threshold|not reach the reporting threshold|"
    "short of the reporting threshold|reporting threshold|threshold for reporting|unclear|raise|"
    "threshold|ai|prediction|"
    "scores|scored|score|computer"
)
NEUTRAL_PHRASES = (
    "side not determined|side undetermined|"
    "made up|made up of|of the lung volume|of lung volume|of the total lung volume|"
    "of total lung volume|cerebrospinal fluid|csf|"
    "absence of a comment does not mean absence of disease|at this slice thickness|as far as"
)
DETERMINED = (
    "classify|characterize|specify|assign|establish|categorize|determined|determine|determinable|"
    "assigned|specified|established|characterized|classified|known|stated|resolved-lobe|"
    "settled|categorized|assignable|classifiable|characterised|ascertained|named|attributed|allocated|localizable"
)
ASSESSED = (
    "assessed|evaluated|examined|analyzed|analysed|reviewed|include|included|cover|covered|"
    "considered|addressed|excluded|"
    "exclude|quantified|measured|interrogated|assessable|evaluable|reported|interpreted|looked at|"
    "exclude disease|ruled out|"
    "part|part of|subject|searched|evaluate|assess|checked|tested|been reported|investigated|screened|sought|extend"
)
CONFIRMED = "verification|confirmation|verified|confirmed|validated|proven|corroborated|checked|established"
UNDETERMINED = "undetermined|unspecified|uncharacterized|indeterminate|unknown|unclassified|undefined|unassigned"
UNASSESSED = (
    "unassessed|unevaluated|unexamined|outside the scope|outside scope|beyond the scope|out of scope|"
    "precluded|precludes|unreliable|"
    "left unassessed|outside the remit|not within the scope|outside what was assessed|impossible|prevented|prevents|"
    "does not permit|not permit|not possible|does not allow|not feasible|hampered|not valid|invalid|"
    "not interpretable|"
    "no assessment|no statement|no evaluation|without assessment|unavailable|remain open|remains open|precluding|"
    "not available|not attempted|omitted|not performed|not done|not made|not carried out|not given|could not be made"
)
LARGEST = "largest|dominant|biggest|the largest of which|greatest|up to|measuring up to|largest one|largest lesion"
SIZE_WORDS = {"multiple|several": "multiple", "large": "large", "small|tiny|little|smallest": "small"}
NO_PRIORS = (
    "not possible as none was available|none available|no previous examination|no prior examination|"
    "no prior study|no previous study|no prior|no priors|"
    "no earlier examination|no earlier study|no prior imaging|no previous imaging|no comparison|no comparison study|"
    "no comparison available|prior imaging not available|not available|unavailable|no prior studies|"
    "no previous examinations|no comparison examination|no prior examinations|none|no older examination|"
    "without comparison|without prior|lacking|no earlier imaging|no comparison imaging|no older studies|no studies"
)
NO_PRIOR_FILLERS = (
    "an|as|comparison|prior imaging|previous imaging|prior examinations|prior studies|prior study|"
    "prior examination|prior|previous|"
    "earlier|compare|available|time|reading|reported|previous examination|previous examinations|previous studies|"
    "to which|archive|could be|provided|supplied|was|exist|exists|against|with|to|for|older|accessible|loaded"
)
"""Words that a sentence on missing priors may hold besides."""

TOPICS: dict[str, str] = {
    "pulmonary embolism|pulmonary embolus|pulmonary emboli|pulmonary embolisms|pulmonary arteries|"
    "lung embolism|embolism": "pulmonary_embolism",
    "pneumothorax": "pneumothorax",
    "aortic dissection|dissection|dissection of the aorta|aorta|thoracic aorta|aortic": "aortic_dissection",
    "lymph nodes|lymph node|lymphadenopathy|mediastinal lymph nodes|nodes|mediastinal nodes|adenopathy": "lymph_nodes",
    "liver|hepatic lesions|hepatic": "liver",
    "adrenal glands|adrenals|adrenal gland|adrenal": "adrenals",
    "destructive bone lesions|bone lesions|bones|bone|osseous lesions|skeleton|destructive osseous lesions|"
    "bony structures|ribs|spine|lytic lesions": "bone_lesions",
    "heart and coronary arteries|heart|coronary arteries|cardiac|coronary": "heart",
    "mediastinum|mediastinal": "mediastinum",
    "spleen": "spleen",
    "kidneys|kidney": "kidneys",
    "thyroid|thyroid gland": "thyroid",
    "infarct|infarction|infarcts|ischemia|acute infarct|acute infarction|stroke": "infarct",
    "hemorrhage|bleeding|intracranial hemorrhage|haemorrhage|blood": "hemorrhage",
    "aneurysm|aneurysms": "aneurysm",
    "meninges|meningeal": "meninges",
    "sinuses|paranasal sinuses|orbits": "sinuses",
    "further pulmonary nodules|further nodules|additional nodules|other nodules|additional pulmonary nodules": (
        "further_nodules"
    ),
    "further lesions of the brain|further brain lesions|further lesions|other lesions": "further_lesions",
    "disease": "disease",
}
"""Organs and diseases that nothing in this version assesses, to the keys of ``writer.header``."""

LOBE_UNKNOWN = (
    "lobe left undetermined|lobe is left undetermined|lobe left open|lobe not determined|"
    "lobe undetermined|undetermined lobe|lobe unknown|unknown lobe|lobe not assigned"
)
DENSITY_UNKNOWN = (
    "undetermined attenuation|attenuation not determined|attenuation class not determined|attenuation undetermined|"
    "of undetermined attenuation|indeterminate attenuation|undetermined density|texture not assessed|"
    "density not determined|undetermined texture|texture not determined"
)
SEEING = frozenset(
    [
        "seen",
        "shown",
        "found",
        "present",
        "identified",
        "visible",
        "evident",
        "measured",
        "assessed",
        "evaluated",
        "examined",
        "analyzed",
        "included",
        "reviewed",
        "imaged",
        "covered",
        "while",
        "where",
        "observed",
        "detected",
        "depicted",
        "demonstrated",
        "noted",
        "checked",
        "tested",
    ]
)
"""Words that would claim a look at an organ in a sentence on what was not assessed, unless they are denied."""
DELTAS = frozenset(
    [
        "larger",
        "bigger",
        "smaller",
        "increase",
        "decrease",
        "growth",
        "reduction",
        "shrinkage",
        "regression",
        "gain",
        "rise",
        "decline",
        "diminution",
        "expansion",
        "progression",
        "enlargement",
    ]
)
"""Words of change that make a number beside them a difference: '4 mm larger', 'growth of 4 mm'."""

FUNCTION_WORDS = {
    "x": Kind.TIMES,
    "from": Kind.FROM,
    "to": Kind.TO,
    "by": Kind.BY,
    "and": Kind.AND,
    "with": Kind.WITH,
}
_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUED: tuple[tuple[Kind, dict[str, Any]], ...] = (
    (Kind.SEEN, SEEN),
    (Kind.ENTITY, ENTITIES),
    (Kind.TOPIC, TOPICS),
    (Kind.SIDE, SIDES),
    (Kind.SITE, SITES),
    (Kind.LEVEL, LEVELS),
    (Kind.DENSITY, DENSITIES),
    (Kind.QUANTITY, QUANTITIES),
    (Kind.UNIT, UNITS),
    (Kind.REFERENCE, REFERENCES),
    (Kind.DIRECTION, DIRECTIONS),
    (Kind.SIZE_WORD, SIZE_WORDS),
)
_PLAIN = (
    (Kind.LAA, LAA_MARKERS),
    (Kind.NEUTRAL, NEUTRAL_PHRASES),
    (Kind.LOBE_UNKNOWN, LOBE_UNKNOWN),
    (Kind.DENSITY_UNKNOWN, DENSITY_UNKNOWN),
    (Kind.LOBE, "lobe|lobar"),
    (Kind.NEUTRAL, COMPARED),
    (Kind.VERSUS, VERSUS),
    (Kind.PRIOR, PRIORS),
    (Kind.NOW, NOWS),
    (Kind.PAST, PASTS),
    (Kind.NEGATION, NEGATIONS),
    (Kind.NORMAL, NORMALS),
    (Kind.UNDETERMINED, UNDETERMINED),
    (Kind.UNASSESSED, UNASSESSED),
    (Kind.LARGEST, LARGEST),
    (Kind.HEDGE, HEDGES),
    (Kind.CONFIRMED, CONFIRMED),
    (Kind.DETERMINED, DETERMINED),
)


def _number_words() -> list[tuple[str, Kind, Any]]:
    rows: list[tuple[str, Kind, Any]] = [(word, Kind.NUMBER, Decimal(n)) for n, word in enumerate(_SMALL)]
    for ten, word in enumerate(_TENS, start=2):
        rows.append((word, Kind.NUMBER, Decimal(10 * ten)))
        rows += [(f"{word} {_SMALL[n]}", Kind.NUMBER, Decimal(10 * ten + n)) for n in range(1, 10)]
    return rows


def _phrases(words: str) -> frozenset[str]:
    return frozenset(words.split("|"))


def _deltas() -> frozenset[str]:
    directions = {phrase for phrases in DIRECTIONS for phrase in phrases.split("|")}
    return frozenset(phrase for phrase in directions if DELTAS & set(phrase.split()))


TABLES_EN = Tables(
    code="en",
    rows=(
        *rows_of(_VALUED, _PLAIN),
        *((word, kind, None) for word, kind in FUNCTION_WORDS.items()),
        *((word, Kind.NEUTRAL, None) for word in NEUTRAL_WORDS.split()),
        *((phrase, Kind.ASSESSED, None) for phrase in ASSESSED.split("|")),
        *_number_words(),
    ),
    tags={
        Tag.ASSESSED: _phrases(ASSESSED),
        Tag.EXCLUDED: frozenset({"excluded", "exclude", "ruled out", "exclude disease"}),
        Tag.DETERMINED: _phrases(DETERMINED),
        Tag.CONFIRMED: _phrases(CONFIRMED),
        Tag.NEITHER: frozenset({"neither"}),
        Tag.NOR: frozenset({"nor"}),
        Tag.SEEING: SEEING,
        Tag.PLURAL: PLURALS,
        Tag.UP_TO: frozenset({"up to", "measuring up to"}),
        Tag.DELTA: _deltas(),
    },
    no_priors=tuple(NO_PRIORS.split("|")),
    no_prior_fillers=frozenset(word for phrase in NO_PRIOR_FILLERS.split("|") for word in phrase.split()),
    neutral=frozenset(NEUTRAL_WORDS.split()),
    shortest_note=8,
)
