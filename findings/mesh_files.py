"""Meshes as files that other programs open: STL (binary), OBJ and glTF (binary, with colors). Written, never read.

STL and OBJ hold LPS millimetres as they are and say so in the header, as 3D Slicer does. glTF is in metres with y up by
its specification: a node turns patient space into it, the vertices stay LPS mm.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tomoscribe.core.errors import InvalidValueError, OutputError
from tomoscribe.findings.surfaces import Mesh

FORMATS = (".stl", ".obj", ".glb")
_HEADER = b"SPACE=LPS; mm; tomoscribe, not a medical device"
_FLOAT, _UINT = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_LPS_MM_TO_GLTF = (0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1)
"""Column by column: x stays to the patient's left, y up is z to the head, z towards the viewer is the front."""

Rgba = tuple[float, float, float, float]


def write_meshes(meshes: Mapping[str, Mesh], path: Path, colors: Mapping[str, Rgba] | None = None) -> Path:
    """Writes named meshes into one file, by the ending of its name.

    Args:
        meshes: at least one. STL knows no names and holds all as one.
        colors: by name, for glTF.

    Raises:
        InvalidValueError: another ending, or no mesh.
        OutputError: the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS or not meshes:
        raise InvalidValueError(f"expected meshes and a name that ends in one of {FORMATS}, found {path.suffix!r}")
    ending = path.suffix.lower()
    if ending == ".stl":
        content = _stl(meshes)
    elif ending == ".obj":
        content = _obj(meshes)
    else:
        content = _glb(meshes, colors or {})
    try:
        path.write_bytes(content)
    except OSError as error:
        raise OutputError(
            f"the surfaces cannot be written: {error.strerror}", where=path.name, remedy="choose another place"
        ) from error
    return path


def _stl(meshes: Mapping[str, Mesh]) -> bytes:
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    parts = []
    for mesh in meshes.values():
        corners = mesh.vertices_mm[mesh.faces]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        rows = np.zeros(len(corners), record)
        rows["corners"] = corners
        rows["normal"] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        parts.append(rows)
    triangles = np.concatenate(parts)
    return _HEADER.ljust(80) + struct.pack("<I", len(triangles)) + triangles.tobytes()


def _obj(meshes: Mapping[str, Mesh]) -> bytes:
    lines = [f"# {_HEADER.decode()}"]
    first = 1
    for name, mesh in meshes.items():
        lines.append(f"o {name.replace(' ', '_')}")
        lines += [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in mesh.vertices_mm.tolist()]
        lines += [f"f {a} {b} {c}" for a, b, c in (mesh.faces + first).tolist()]
        first += len(mesh.vertices_mm)
    return ("\n".join(lines) + "\n").encode()


def _glb(meshes: Mapping[str, Mesh], colors: Mapping[str, Rgba]) -> bytes:
    document = _GltfBuilder()
    for name, mesh in meshes.items():
        document.add(name, mesh, colors.get(name, (0.8, 0.8, 0.8, 1.0)))
    return document.packed()


class _GltfBuilder:
    """Collects meshes into one binary buffer and its description (glTF 2.0, section 4.4)."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._views: list[dict[str, int]] = []
        self._accessors: list[dict[str, object]] = []
        self._meshes: list[dict[str, object]] = []
        self._materials: list[dict[str, object]] = []

    def add(self, name: str, mesh: Mesh, color: Rgba) -> None:
        """One mesh with a material of its own."""
        vertices = mesh.vertices_mm.astype("<f4")
        position = self._accessor(vertices.tobytes(), _VERTICES, _FLOAT, "VEC3", len(vertices))
        self._accessors[position] |= {
            "min": [float(v) for v in vertices.min(axis=0)],
            "max": [float(v) for v in vertices.max(axis=0)],
        }
        faces = mesh.faces.astype("<u4")
        indices = self._accessor(faces.tobytes(), _INDICES, _UINT, "SCALAR", faces.size)
        self._materials.append(
            {
                "name": name,
                "alphaMode": "OPAQUE" if color[3] >= 1 else "BLEND",
                "pbrMetallicRoughness": {"baseColorFactor": list(color), "metallicFactor": 0, "roughnessFactor": 0.8},
            }
        )
        primitive = {"attributes": {"POSITION": position}, "indices": indices, "material": len(self._materials) - 1}
        self._meshes.append({"name": name, "primitives": [primitive]})

    def packed(self) -> bytes:
        """The whole file: header, description, buffer."""
        count = len(self._meshes)
        nodes = [{"mesh": n, "name": self._meshes[n]["name"]} for n in range(count)]
        root = {"name": "LPS mm", "matrix": list(_LPS_MM_TO_GLTF), "children": list(range(count))}
        description = {
            "asset": {"version": "2.0", "generator": "tomoscribe, not a medical device"},
            "scene": 0,
            "scenes": [{"nodes": [count]}],
            "nodes": [*nodes, root],
            "meshes": self._meshes,
            "materials": self._materials,
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": len(self._data)}],
        }
        text = json.dumps(description).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text
        chunks += struct.pack("<I4s", len(self._data), b"BIN\0") + bytes(self._data)
        return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

    def _accessor(self, content: bytes, target: int, component: int, kind: str, count: int) -> int:
        self._views.append({"buffer": 0, "byteOffset": len(self._data), "byteLength": len(content), "target": target})
        self._data += content + b"\0" * (-len(content) % 4)
        self._accessors.append(
            {"bufferView": len(self._views) - 1, "componentType": component, "count": count, "type": kind}
        )
        return len(self._accessors) - 1
