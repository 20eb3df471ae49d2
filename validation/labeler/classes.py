"""Classes of findings and the words that name them.

The first eighteen are those of CT-RATE (Hamamci et al. 2024); the last three are the brain findings of this project.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class FindingClass:
    """A class of finding.

    Args:
        key: short name in tables.
        title: in words.
        en, zh: regular expressions of the words that name the finding.
        normal_en, normal_zh: of words that by themselves say that it is absent.
        elsewhere: of words in the clause that give ``vague`` words (``effusion``, ``mass``) to another class.
        vague: those words.
    """

    key: str
    title: str
    en: str
    zh: str
    normal_en: str = ""
    normal_zh: str = ""
    elsewhere: str = ""
    vague: str = ""

    def meant(self, words: str, clause: str) -> bool:
        """Whether words that were found name this class in their clause."""
        if not self.vague or not re.fullmatch(self.vague, words, re.IGNORECASE):
            return True
        return not re.search(self.elsewhere, clause, re.IGNORECASE)

    @cached_property
    def english(self) -> re.Pattern[str]:
        return re.compile(self.en, re.IGNORECASE)

    @cached_property
    def chinese(self) -> re.Pattern[str]:
        return re.compile(self.zh)


CLASSES: tuple[FindingClass, ...] = (
    FindingClass(
        key="medical_material",
        title="medical material",
        en=r"\b(catheters?|port-a-cath|sternotomy wires?|sutures?|prosthe\w+|mechanical \w+ valve|tubes?|"
        r"stents?|clips?|pacemakers?|leads?|implant\w*|foreign material|drains?|devices?|defibrillators?)\b",
        zh=r"导管|引流管|插管|支架|金属(?:夹|缝线|内固定)|人工瓣膜|起搏器|植入物|置入物|缝线",
    ),
    FindingClass(
        key="arterial_calcification",
        title="arterial wall calcification",
        en=r"\b(calcif\w+|atheroma\w*|atherosclero\w+|plaques?)\b(?=[^.;]*\b(aort\w+|arch)\b)|"
        r"\b(aort\w+|arch)\b(?=[^.;,]*\b(calcif\w+|atheroma\w*|atherosclero\w+)\b)|\bcalcified aorta\b",
        zh=r"主动脉[^。;;,,]{0,14}钙化|主动脉[^。;;,,]{0,10}粥样硬化",
    ),
    FindingClass(
        key="cardiomegaly",
        title="cardiomegaly",
        en=r"\bcardiomegaly\b|\b(heart|cardiac (silhouette|size))\b[^.;,]{0,40}\b(enlarged|normal|within)\b|"
        r"\benlarged (heart|cardiac)\b|\bheart of normal size\b|\bnormal (heart|cardiac) size\b",
        zh=r"心(?:影|脏)[^。;;,,]{0,8}(?:增大|扩大|不大|大小正常)|心脏扩大",
        normal_en=r"\b(heart|cardiac)\b[^.;]{0,40}\b(normal|within)\b|\bheart of normal size\b|"
        r"\bnormal (heart|cardiac) size\b",
        normal_zh=r"心(?:影|脏)(?:大小正常|不大)",
    ),
    FindingClass(
        key="pericardial_effusion",
        title="pericardial effusion",
        en=r"\bpericardial\b[^.;,]{0,25}\b(effusions?|fluid)\b",
        zh=r"心包[^。;;,,]{0,10}(?:积液|液体)",
    ),
    FindingClass(
        key="coronary_calcification",
        title="coronary artery wall calcification",
        en=r"\bcoronary (artery )?sclerosis\b|\bcoronary\b[^.;]*\bcalcif\w+|\bcalcif\w+[^.;]*\bcoronar\w+",
        zh=r"(?:冠状动脉|冠脉|前降支|回旋支)[^。;;]{0,14}钙化|冠状动脉钙化",
    ),
    FindingClass(key="hiatal_hernia", title="hiatal hernia", en=r"\bhiat(al|us) hernia\b", zh=r"食管裂孔疝|裂孔疝"),
    FindingClass(
        key="lymphadenopathy",
        title="lymphadenopathy",
        en=r"\blymphadenopath\w+|\badenopath\w+|\b(enlarged|borderline|bulky)\b[^.;,]{0,30}\b(lymph )?nodes?\b|"
        r"\blymph nodes?\b[^.;,]{0,30}\b(enlarged|enlargement|pathological(ly)? (size|enlarged))|"
        r"\blymph node enlargement\b",
        zh=r"淋巴结[^。;;,,]{0,10}(?:肿大|增大|稍大)|肿大淋巴结",
    ),
    FindingClass(key="emphysema", title="emphysema", en=r"\bemphysem\w+", zh=r"肺?气肿|低衰减区"),
    FindingClass(
        key="atelectasis",
        title="atelectasis",
        en=r"\batelecta\w+|\b(subsegmental|lobar|segmental) collapse\b",
        zh=r"不张|膨胀不全",
    ),
    FindingClass(
        key="nodule",
        title="lung nodule",
        en=r"\b(nodules?|nodular (density|densities|opacit\w+)|mass(es)?|granuloma(s|ta)?)\b",
        zh=r"结节|肿块",
        vague=r"mass(es)?",
        elsewhere=r"\b(intracranial|brain|(frontal|temporal|parietal|occipital) lobe)\b",
    ),
    FindingClass(
        key="opacity",
        title="lung opacity",
        en=r"\b(ground[- ]glass|opacit\w+|opacification|airspace disease|infiltrat\w+|"
        r"haziness|crazy[- ]paving|tree-in-bud)\b",
        vague=r"infiltrat\w+",
        elsewhere=r"\b(tumou?r\w*|carcinoma|pancrea\w+|mesenter\w+|arter\w+|veins?|confluence|plexus|fat|duoden\w+|"
        r"gastric|liver|glandular|inflammatory|lymphocyt\w+|dermis|growth|biops\w+)\b",
        zh=r"磨玻璃|片状影|浸润影?|树芽征|铺路石",
    ),
    FindingClass(
        key="fibrotic_sequela",
        title="pulmonary fibrotic sequela",
        en=r"\bfibro(sis|tic)\b|\bfibrous (strands?|bands?|tissue|changes?)\b|\bscar(s|ring)?\b|\bscar tissue\b|"
        r"(?<!granulomatous )\bsequelae?\b(?!( of)?( \w+){0,2} granulomatous)|\breticular changes\b",
        zh=r"纤维化|纤维条索|条索影|瘢痕|网状影",
    ),
    FindingClass(
        key="pleural_effusion",
        title="pleural effusion",
        en=r"\bpleural\b[^.;,]{0,20}\b(effusions?|fluid)\b|\bfluid\b[^.;,]{0,30}\bpleural\b|"
        r"\bpleural spaces are free\b|\bpericardial or pleural effusions?\b|\beffusions?\b",
        zh=r"胸腔[^。;;,,]{0,12}(?:积液|液体)|积液",
        normal_en=r"\bpleural spaces are free\b",
        vague=r"effusions?|积液",
        elsewhere=r"\bpericardial\b|心包",
    ),
    FindingClass(key="mosaic", title="mosaic attenuation pattern", en=r"\bmosaic\b", zh=r"马赛克"),
    FindingClass(
        key="peribronchial_thickening",
        title="peribronchial thickening",
        en=r"\bperibronchial (wall )?thickening\b|\bbronchial wall thickening\b|\bthickened bronchial walls?\b",
        zh=r"支气管[^。;;,,]{0,8}(?:管)?壁[^。;;,,]{0,4}增厚|管壁(?:无|未见)?增厚",
    ),
    FindingClass(
        key="consolidation",
        title="consolidation",
        en=r"\bconsolidat\w+",
        zh=r"实变",
    ),
    FindingClass(
        key="bronchiectasis", title="bronchiectasis", en=r"\bbronchiecta\w+", zh=r"支气管(?:无)?[^。;;,,]{0,6}扩张"
    ),
    FindingClass(
        key="septal_thickening",
        title="interlobular septal thickening",
        en=r"\b(interlobular )?septal (thickening|lines?)\b|\binterlobular septa\b[^.;,]{0,12}\bthickened\b",
        zh=r"(?:小叶)?间隔[^。;;,,]{0,4}增厚",
    ),
    FindingClass(
        key="white_matter_lesions",
        title="white-matter lesions",
        en=r"\bwhite[- ]matter\b[^.;,]{0,20}\b(lesions?|hyperintensit\w+|disease|foci)\b",
        zh=r"白质[^。;;,,]{0,8}(?:病灶|高信号|病变)|血管性白质病变",
    ),
    FindingClass(
        key="ventricular_enlargement",
        title="ventricular enlargement",
        en=r"\bventricul\w+ system\b|\bventricles\b[^.;,]{0,12}\benlarged\b|\bventriculomegaly\b|\bhydrocephalus\b",
        zh=r"脑室[^。;;,,]{0,6}扩大|脑积水",
        normal_en=r"\bventricular system is of normal width\b",
    ),
    FindingClass(
        key="brain_mass",
        title="brain mass",
        en=r"\bspace[- ]occupying\b|\bintracranial mass\b|\bmass in the "
        r"(right|left) (frontal|temporal|parietal|occipital)\b",
        zh=r"占位",
    ),
)
KEYS = tuple(c.key for c in CLASSES)
CT_RATE = KEYS[:18]
