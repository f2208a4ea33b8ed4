"""Raw deliveries -> judged takes. A new format is one module here and one line in READERS."""

from motionlib.ingest.bvh import read_bvh
from motionlib.ingest.joints import read_npy
from motionlib.ingest.quality import REASONS, BadMotionError
from motionlib.ingest.smpl import read_smpl
from motionlib.ingest.source import Format, Source
from motionlib.rig.raw import RawMotion

READERS: dict[str, Format] = {
    ".bvh": Format(lambda source: read_bvh(source.data)),
    ".npy": Format(read_npy),
    ".npz": Format(read_smpl),
}

# Formats that hold motion but are not read, and the way out.
CONVERT: dict[str, str] = {
    ".fbx": "export it as BVH, for example with Blender: File > Export > Motion Capture (.bvh)",
    ".glb": "import it in Blender and export it as BVH",
    ".gltf": "import it in Blender and export it as BVH",
    ".usd": "import it in Blender and export it as BVH",
    ".usda": "import it in Blender and export it as BVH",
    ".usdc": "import it in Blender and export it as BVH",
    ".dae": "import it in Blender and export it as BVH",
    ".bip": "export it as BVH from 3ds Max",
    ".c3d": "markers have no skeleton: solve them in your mocap software and export BVH",
    ".trc": "markers have no skeleton: solve them in your mocap software and export BVH",
    ".amc": "convert the ASF/AMC pair to BVH",
    ".asf": "convert the ASF/AMC pair to BVH",
}

__all__ = ["CONVERT", "READERS", "REASONS", "BadMotionError", "Format", "RawMotion", "Source", "read_bvh"]
