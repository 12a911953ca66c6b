"""A fitted model as files without pickle, and what it says about rows: scores and reasons."""

from perennial.predictor.calibration import apply_calibrator, apply_link
from perennial.predictor.contract import (
    CALIBRATORS,
    IDENTITIES,
    IDENTITY,
    Calibrator,
    CalibratorKind,
    ClassLinear,
    Contract,
    Feature,
    Linear,
)
from perennial.predictor.encoding import EncodedColumn, Matrix, decode_codes, encode, encode_columns
from perennial.predictor.files import check_files, hash_manifest, load_predictor, write_files
from perennial.predictor.linear import expand_inputs
from perennial.predictor.native import NativeBooster, as_dmatrix, name_inputs, number_inputs, open_native, predict_raw
from perennial.predictor.quick import QuickScorer, loading_alone, make_quick, make_row_encoder
from perennial.predictor.rows import RowEncoder, RowsRefused
from perennial.predictor.scoring import Predictor

__all__ = [
    "CALIBRATORS",
    "IDENTITIES",
    "IDENTITY",
    "Calibrator",
    "CalibratorKind",
    "ClassLinear",
    "Contract",
    "EncodedColumn",
    "Feature",
    "Linear",
    "Matrix",
    "NativeBooster",
    "Predictor",
    "QuickScorer",
    "RowEncoder",
    "RowsRefused",
    "apply_calibrator",
    "apply_link",
    "as_dmatrix",
    "check_files",
    "decode_codes",
    "encode",
    "encode_columns",
    "expand_inputs",
    "hash_manifest",
    "load_predictor",
    "loading_alone",
    "make_quick",
    "make_row_encoder",
    "name_inputs",
    "number_inputs",
    "open_native",
    "predict_raw",
    "write_files",
]
