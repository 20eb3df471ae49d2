"""Linked views: axial, coronal, sagittal and 3D at once, around one crosshair."""
