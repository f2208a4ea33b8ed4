"""How each intermediate result lies on disk; the only module that opens them.

Every artifact is a folder. Its `manifest.json` is written last and lists the kind and the size of every
other file, so a half-written folder is recognised and nothing larger than what is there is ever allocated.
Dense rows are flat `.npy` files read through mmap, tables are Parquet, weights are safetensors, the rest JSON.
Libraries lie in shards, which are written once and kept while nothing in them changes.
"""

from motionlib.artifacts.clip_shards import Caption, Clip, ClipInfo, FileRecord
from motionlib.artifacts.clips import ClipLibrary, library_fingerprints, read_clips, write_clips
from motionlib.artifacts.codes import CodeSet, CodeShape, read_codes, write_codes
from motionlib.artifacts.feature_shards import FeatureClip, Item
from motionlib.artifacts.features import FeatureSet, read_captions, read_features, read_tokens, write_features
from motionlib.artifacts.files import (
    MANIFEST,
    BadArtifactError,
    Float32,
    Int64,
    leave_pandas_out,
    read_json,
    seal,
    unseal,
    write_json,
)
from motionlib.artifacts.models import read_model, write_model
from motionlib.artifacts.reports import Report, at, line_table, read_report, read_report_table, write_report
from motionlib.artifacts.shards import digest_of
from motionlib.artifacts.text import TextTable, read_text, write_text

__all__ = [
    "MANIFEST",
    "BadArtifactError",
    "Caption",
    "Clip",
    "ClipInfo",
    "ClipLibrary",
    "CodeSet",
    "CodeShape",
    "FeatureClip",
    "FeatureSet",
    "FileRecord",
    "Float32",
    "Int64",
    "Item",
    "Report",
    "TextTable",
    "at",
    "digest_of",
    "leave_pandas_out",
    "library_fingerprints",
    "line_table",
    "read_captions",
    "read_clips",
    "read_codes",
    "read_features",
    "read_json",
    "read_model",
    "read_report",
    "read_report_table",
    "read_text",
    "read_tokens",
    "seal",
    "unseal",
    "write_clips",
    "write_codes",
    "write_features",
    "write_json",
    "write_model",
    "write_report",
    "write_text",
]
