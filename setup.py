"""Maps the top-level folders to the namespace ``tomoscribe``; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

FOLDERS = (
    "core",
    "encoders",
    "phantoms",
    "findings",
    "fusion",
    "reports",
    "training",
    "validation",
    "plugin",
    "cli",
    "sample_data",
)

setup(
    package_dir={f"tomoscribe.{folder}": folder for folder in FOLDERS},
    packages=[
        name
        for folder in FOLDERS
        for name in (f"tomoscribe.{folder}", *(f"tomoscribe.{folder}.{sub}" for sub in find_packages(folder)))
    ],
    package_data={
        "tomoscribe.encoders": ["weights/*", "dicom/deidentify/*.json", "dicom/deidentify/*.txt"],
        "tomoscribe.findings": ["guidelines/data/*.yaml"],
        "tomoscribe.fusion": ["weights/*"],
        "tomoscribe.plugin": ["*.yaml"],
        "tomoscribe.reports": ["templates/*"],
        "tomoscribe.sample_data": ["**/*.dcm", "**/*.json", "*.md"],
        "tomoscribe.training": ["recipes/*.yaml"],
        "tomoscribe.validation": ["report/templates/*"],
    },
)
