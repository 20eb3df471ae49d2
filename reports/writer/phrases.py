"""The writer's phrases: data. The first of each list is the writer's own wording, the others teach the decoder variety.

Slots in braces are filled by ``reports.writer.sentences``; every phrase must be understood by the evidence lock.
"""

from __future__ import annotations

PHRASES: dict[str, tuple[str, ...]] = {
    "nodule_head": (
        "{density} {entity} in the {side} lung",
        "{density} {entity} of the {side} lung",
        "In the {side} lung there is a {density} {entity}",
        "{side} lung: {density} {entity}",
        "A {density} {entity} lies in the {side} lung",
    ),
    "nodule_head_undetermined": (
        "{entity} of undetermined attenuation in the {side} lung",
        "{side} lung: {entity}, attenuation class not determined",
        "A {entity} lies in the {side} lung, attenuation class not determined",
    ),
    "nodule_head_plain": (
        "{entity} in the {side} lung",
        "{side} lung: {entity}",
        "A {entity} lies in the {side} lung",
    ),
    "nodule_head_no_side": ("{density} {entity} in the lung, side not determined",),
    "lobe": ("{lobe}", "in the {lobe}", "located in the {lobe}"),
    "lobe_unknown": ("lobe not determined", "the lobe is not determined"),
    "axes": (
        "{long} x {short} mm",
        "{long} by {short} mm",
        "long axis {long} mm, short axis {short} mm",
        "measuring {long} mm x {short} mm",
        "{long} mm in long axis and {short} mm in short axis",
    ),
    "long": ("long axis {long} mm", "{long} mm in long axis"),
    "short": ("short axis {short} mm",),
    "mean": ("mean diameter {mean} mm", "{mean} mm in mean diameter", "a mean diameter of {mean} mm"),
    "core": ("solid component {core} mm", "with a solid component of {core} mm"),
    "volume": ("volume {volume}", "{volume} in volume", "a volume of {volume}"),
    "attenuation": ("mean attenuation {attenuation} HU", "{attenuation} HU mean attenuation"),
    "images": (
        "(series {series}, image {image})",
        "(image {image} of series {series})",
        "[series {series}, image {image}]",
    ),
    "image_only": ("(image {image})",),
    "changed": (
        "Compared with {date}, the {quantity} {direction} from {prior} to {now}{percent}",
        "The {quantity} {direction} from {prior} on {date} to {now}{percent}",
        "The {quantity} {direction} to {now}{percent}, previously {prior} on {date}",
    ),
    "changed_only": ("The {quantity} {direction} since {date}",),
    "stable_only": ("The {quantity} is stable since {date}",),
    "stable": (
        "Compared with {date}, the {quantity} is unchanged within repeatability: {prior} before, {now} now",
        "The {quantity} is stable: {now}, previously {prior} on {date}",
    ),
    "new": ("New since {date}: {subject}", "{subject}: new since {date}", "Not present on {date}, new: {subject}"),
    "not_comparable": ("The {quantity} cannot be compared with {date} because {reason}",),
    "increased": ("increased", "has increased", "has grown"),
    "decreased": ("decreased", "has decreased", "has become smaller"),
    "emphysema": (
        "Emphysema of both lungs: {parts}",
        "Both lungs show emphysema: {parts}",
        "Emphysema is present in both lungs, {parts}",
    ),
    "emphysema_of": ("Emphysema{place}: {parts}",),
    "laa950": (
        "{laa950} % of the lung below -950 HU",
        "low attenuation area (LAA-950) {laa950} %",
        "LAA-950 of {laa950} %",
    ),
    "perc15": ("15th percentile {perc15} HU", "Perc15 {perc15} HU", "a 15th percentile of {perc15} HU"),
    "lesions": (
        "White matter lesions{place}: {parts}",
        "There are white matter lesions{place}, {parts}",
        "Lesions of the cerebral white matter{place}: {parts}",
    ),
    "count": ("{count} lesions", "number of lesions {count}"),
    "total_volume": ("total volume {volume}", "{volume} in total"),
    "organ_side": (
        "{side} lung volume: {volume}",
        "Volume of the {side} lung: {volume}",
        "The {side} lung measures {volume}",
    ),
    "organ_lungs": ("Total lung volume: {volume}", "Volume of both lungs together: {volume}"),
    "organ_airways": ("Airway volume: {volume}", "Volume of the airways: {volume}"),
    "organ_intracranial": ("Intracranial volume: {volume}", "The intracranial volume is {volume}"),
    "organ_brain": ("Brain volume: {volume}", "The brain volume is {volume}", "Volume of the brain: {volume}"),
    "organ_ventricles": ("Volume of the ventricles: {volume}", "Volume of the ventricular system: {volume}"),
    "plain": ("{entity}{place}: {parts}", "{entity}{place}, {parts}"),
    "plain_bare": ("{entity}{place}", "{entity} is present{place}"),
    "nodule_counts": (
        "{total} {entities} in all: {right} in the right lung, {left} in the left lung",
        "In all {total} {entities}, {right} in the right lung and {left} in the left lung",
    ),
    "review": (
        "Possible {entity}{place}, for review{detail}",
        "For review: possible {entity}{place}{detail}",
        "{entity} suspected{place}, to be reviewed{detail}",
    ),
    "review_many": ("{count} possible {entity}s for review, long axis {low} mm to {high} mm",),
    "probability": ("probability {probability} %", "{probability} % probability"),
    "unassessed": ("{entity}{place}: not assessed ({note})", "{entity}{place} was not assessed ({note})"),
    "unexcluded": ("{entity}{place}: not excluded", "{entity}{place} is not excluded"),
}
