"""Raw deliveries -> judged takes. A new format is one module here and one line in READERS."""

from motionlib.ingest.amc import read_amc, skeletons_beside
from motionlib.ingest.bvh import read_bvh
from motionlib.ingest.c3d import read_c3d
from motionlib.ingest.gltf import read_gltf
from motionlib.ingest.gltf_document import companions as gltf_buffers
from motionlib.ingest.joints import read_npy
from motionlib.ingest.quality import REASONS, BadMotionError
from motionlib.ingest.smpl import read_smpl
from motionlib.ingest.source import Format, Source
from motionlib.rig.raw import RawMotion

READERS: dict[str, Format] = {
    ".amc": Format(read_amc, skeletons_beside),
    ".bvh": Format(lambda source: read_bvh(source.data)),
    ".c3d": Format(read_c3d),
    ".glb": Format(read_gltf, gltf_buffers),
    ".gltf": Format(read_gltf, gltf_buffers),
    ".npy": Format(read_npy),
    ".npz": Format(read_smpl),
}

BLENDER = "export it as glTF: File > Export > glTF 2.0 (.glb), with Animation ticked"
# Formats that hold motion but are not read, and the way out.
CONVERT: dict[str, str] = {
    ".fbx": f"import it in Blender and {BLENDER}, or export BVH from the tool that made it",
    ".usd": f"import it in Blender and {BLENDER}",
    ".usda": f"import it in Blender and {BLENDER}",
    ".usdc": f"import it in Blender and {BLENDER}",
    ".usdz": f"import it in Blender and {BLENDER}",
    ".dae": f"import it in Blender and {BLENDER}",
    ".blend": f"open it in Blender and {BLENDER}",
    ".bip": "export it as BVH from 3ds Max",
    ".trc": "markers have no skeleton: solve them in your mocap software, export BVH, glTF or C3D with joint centres",
}

__all__ = ["CONVERT", "READERS", "REASONS", "BadMotionError", "Format", "RawMotion", "Source", "read_bvh"]
