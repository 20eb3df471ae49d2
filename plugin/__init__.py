"""The napari workstation: readers, sample data, layers, findings table and report. Thin; science never lives here."""
