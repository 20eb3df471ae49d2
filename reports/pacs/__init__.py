"""Talking to PACS: DIMSE and DICOMweb, both ways, and the listener that reads what arrives."""
