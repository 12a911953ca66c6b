"""One file per kind of day: refresh, score, monitor, retrain, approve."""
