"""The 28 items of the ML Test Score in our own words, and those of them that the project does not do.

Source: Breck, Cai, Nielsen, Salib and Sculley 2017, "The ML Test Score: A Rubric for ML Production Readiness and Technical Debt
Reduction", IEEE Big Data; sections III to VI, numbered as there.
"""

from __future__ import annotations

from collections.abc import Mapping

SECTIONS: Mapping[str, str] = {"D": "Features and data", "M": "Model development", "I": "Infrastructure", "O": "Monitoring"}

ITEMS: Mapping[str, str] = {
    "D1": "What each feature may look like is written down and checked",
    "D2": "Each feature earns its place",
    "D3": "No feature costs more than it brings",
    "D4": "Features keep the rules that stand above them, such as which data may be used at all",
    "D5": "People's data are protected all along the way",
    "D6": "A new feature comes in quickly",
    "D7": "The code that makes features is tested",
    "M1": "What a model is made of is reviewed and kept in a repository",
    "M2": "What is measured offline goes with what matters in use",
    "M3": "Every hyperparameter was tuned",
    "M4": "It is known what an old model costs",
    "M5": "No simpler model would do as well",
    "M6": "The model is good enough in each part of the data that matters",
    "M7": "The model was looked at for whom it treats worse",
    "I1": "Training again gives the same model",
    "I2": "What a model is made of is unit tested",
    "I3": "The whole way from data to scores is tested together",
    "I4": "A model is measured before it serves",
    "I5": "A single score can be explained and followed back",
    "I6": "A model is tried in the place where it will serve before it does",
    "I7": "The former model can be put back",
    "O1": "A change in what we depend on is told to people",
    "O2": "What must hold of inputs is checked on each of them",
    "O3": "Features mean the same in training and in serving",
    "O4": "Models that have become too old are noticed",
    "O5": "Figures that are no numbers, or without bounds, are noticed",
    "O6": "Models that have become slow or large are noticed",
    "O7": "Worse scores on served data are noticed",
}

NOT_DONE: Mapping[str, str] = {
    "D2": "Not done. Importances and strengths of features stand on the card; nothing leaves one out to see what it brings.",
    "D3": "Not done. Queries, memory and scoring are measured as a whole, not feature by feature.",
    "M1": "Not done by the program. Versions carry hashes of all that made them, a backup names the commit of the home, and "
    "`perennial plan` writes on a pull request what it changes; whether somebody reviews it is up to your repository.",
    "M2": "Not done. Scores are compared with the labels that came true (O7), and the arms of a canary by what acting on them "
    "changed; whether figures of a holdout foretell that is not measured.",
    "M4": "Not done. Verdicts say how old a fit's knowledge is, and old fits are replaced (O4); what age costs is not measured.",
}
"""Item -> why no test shows it; each counts 0."""
