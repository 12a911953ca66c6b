"""A program, run in a process of its own: open a model file and predict the golden rows.

A damaged file can abort, crash or hang the library; here that ends a child, not the scoring. It imports nothing of
ours, so that it starts fast. Input on stdin: one line of JSON (algorithm, search path, matrix), then the file's bytes.
"""

import json
import sys
from typing import Any

# Both libraries try to import these and go without: .3 s and 35 MB instead of .9 s and 110 MB.
UNNEEDED = ("matplotlib", "pandas", "pyarrow", "sklearn")


def main() -> None:
    """Exit 0 when the library opened the file and predicted every row."""
    header = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read()
    sys.path[:] = header["search_path"]
    absent: dict[str, Any] = dict.fromkeys(UNNEEDED)  # to Python, a module that cannot be found
    sys.modules.update(absent)
    predict = {"xgboost": _predict_xgboost, "lightgbm": _predict_lightgbm}[header["algorithm"]]
    if not predict(content, header["matrix"]):
        sys.exit("it predicts NaN or infinity")


def _predict_xgboost(content: bytes, matrix: list[list[float]]) -> bool:
    import numpy as np  # noqa: PLC0415 - the search path is set first
    import xgboost  # noqa: PLC0415 - only the library in question

    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(content))
    # Names and types are checked by the parent; here only the trees are walked.
    booster.feature_names, kinds = None, booster.feature_types
    data = xgboost.DMatrix(np.array(matrix), feature_types=kinds, enable_categorical=True, nthread=1)
    return bool(np.isfinite(booster.predict(data, output_margin=True)).all())


def _predict_lightgbm(content: bytes, matrix: list[list[float]]) -> bool:
    import lightgbm  # noqa: PLC0415 - only the library in question
    import numpy as np  # noqa: PLC0415 - the search path is set first

    booster = lightgbm.Booster(model_str=content.decode("utf-8"))
    return bool(np.isfinite(booster.predict(np.array(matrix), raw_score=True, num_threads=1)).all())


if __name__ == "__main__":
    main()
