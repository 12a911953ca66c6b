"""Predictors of amounts: another link, calibrators in the units of the target, and golden rows of any size."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from perennial.errors import ArtifactCorrupt
from perennial.predictor import (
    IDENTITIES,
    Calibrator,
    Contract,
    Feature,
    Linear,
    Predictor,
    apply_calibrator,
    apply_link,
    load_predictor,
    write_files,
)

FEATURES = (Feature(name="visits", median=2.0), Feature(name="tenure", median=10.0))
LINEAR = Linear(intercept=30.0, coefficients=(8.0, -3.0), means=(2.0, 10.0), scales=(1.0, 5.0))
FRAME = pd.DataFrame({"visits": [2.0, 3.0, np.nan], "tenure": [10.0, 10.0, 20.0]})


def predictor(link="identity", calibrator=None, linear=LINEAR) -> Predictor:
    calibrator = calibrator or IDENTITIES[link]
    return Predictor(
        Contract(model="toy", algorithm="ridge", features=FEATURES, calibrator=calibrator, linear=linear, link=link), None
    )


def test_a_line_scores_in_the_units_of_the_target():
    assert predictor().score(FRAME).tolist() == [30.0, 38.0, 24.0]


def test_a_logarithmic_link_keeps_scores_above_0_and_finite():
    steep = LINEAR.model_copy(update={"intercept": 0.0, "coefficients": (1e6, 0.0)})
    scores = predictor("log", linear=steep).score(pd.DataFrame({"visits": [-9.0, 2.0, 9.0], "tenure": [1.0, 1.0, 1.0]}))
    assert np.isfinite(scores).all()
    assert 0 < scores[0] < scores[1] == 1 < scores[2]


def test_contributions_are_in_the_units_of_the_target_and_add_up():
    assert predictor().explain(FRAME, 2)[1] == ("+ visits = 3", "+ tenure = 10")
    contributions = predictor()._contribute(np.array([[3.0, 20.0]]))
    assert contributions.sum() + LINEAR.intercept == predictor().score(pd.DataFrame({"visits": [3.0], "tenure": [20.0]}))[0]


def test_a_score_below_every_label_is_not_cut_off_so_that_it_stays_the_sum_of_its_reasons():
    lowest = pd.DataFrame({"visits": [-3.0, -4.0], "tenure": [10.0, 10.0]})
    scores = predictor().score(lowest)
    assert scores.tolist() == [-10.0, -18.0]
    assert (predictor()._contribute(lowest.to_numpy()).sum(axis=1) + LINEAR.intercept).tolist() == scores.tolist()


@pytest.mark.parametrize(("kind", "expected"), [("line", [3.0, 7.0]), ("power", [np.e, np.e * 9.0])])
def test_amounts_are_calibrated_by_two_coefficients(kind, expected):
    raw, offset = np.array([1.0, 3.0]), 1.0
    calibrated = apply_calibrator(Calibrator(kind=kind, coefficients=(2.0, offset)), raw)
    assert calibrated.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("link", ["identity", "log"])
def test_an_identity_leaves_amounts_as_they_are_to_the_last_bit(link):
    raw = np.random.default_rng(3).lognormal(3, 2, size=1000)
    assert apply_calibrator(IDENTITIES[link], raw).tolist() == raw.tolist()


def test_margins_become_probabilities_amounts_or_amounts_above_0():
    margin = np.array([-1.0, 0.0])
    assert apply_link("logit", margin).tolist() == pytest.approx([1 / (1 + np.e), 0.5])
    assert apply_link("identity", margin).tolist() == [-1.0, 0.0]
    assert apply_link("log", margin).tolist() == pytest.approx([1 / np.e, 1.0])


def test_a_calibrator_of_probabilities_is_no_calibrator_of_amounts():
    with pytest.raises(ValidationError, match="platt calibrator does not fit link identity"):
        predictor(calibrator=IDENTITIES["logit"])


@pytest.mark.parametrize("kind", ["line", "power"])
def test_a_map_that_turns_the_order_round_is_refused(kind):
    with pytest.raises(ValidationError, match="is not strictly increasing"):
        Calibrator(kind=kind, coefficients=(-1.0, 0.0))


def test_only_links_other_than_the_first_are_written():
    probable = Contract(model="toy", algorithm="logistic", features=FEATURES, linear=LINEAR)
    assert "link" not in json.loads(probable.write())
    assert json.loads(predictor("log").contract.write())["link"] == "log"
    assert Contract.model_validate_json(predictor("log").contract.write()).link == "log"


def change_golden(folder, factor: float) -> dict[str, str]:
    """Golden scores of about a million, moved by a share of them."""
    large = LINEAR.model_copy(update={"intercept": 1e6})
    manifest = write_files(folder, None, predictor(linear=large).contract, FRAME)
    golden = json.loads((folder / "golden.json").read_text())
    golden["scores"] = [score * factor for score in golden["scores"]]
    (folder / "golden.json").write_text(json.dumps(golden))
    return {**manifest, "golden.json": sha256((folder / "golden.json").read_bytes()).hexdigest()}


def test_golden_rows_of_large_amounts_may_differ_by_what_single_precision_does(tmp_path):
    manifest = change_golden(tmp_path, 1 + 1e-7)
    assert load_predictor(tmp_path, manifest).score(FRAME).max() > 1e6


def test_golden_rows_of_large_amounts_may_not_differ_by_more(tmp_path):
    with pytest.raises(ArtifactCorrupt, match=r"up to 10 away from what the training wrote \(allowed 1"):
        load_predictor(tmp_path, change_golden(tmp_path, 1 + 1e-5))
