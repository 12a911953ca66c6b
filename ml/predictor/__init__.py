"""A fitted model as files without pickle, and what it says about rows: scores and reasons."""

from ml.predictor.calibration import apply_calibrator
from ml.predictor.contract import IDENTITY, Calibrator, Contract, Feature, Linear
from ml.predictor.encoding import encode
from ml.predictor.files import hash_manifest, load_predictor, write_files
from ml.predictor.logistic import expand_inputs
from ml.predictor.native import NativeBooster, as_dmatrix, predict_raw
from ml.predictor.scoring import Predictor

__all__ = [
    "IDENTITY",
    "Calibrator",
    "Contract",
    "Feature",
    "Linear",
    "NativeBooster",
    "Predictor",
    "apply_calibrator",
    "as_dmatrix",
    "encode",
    "expand_inputs",
    "hash_manifest",
    "load_predictor",
    "predict_raw",
    "write_files",
]
