"""Perennial: batch retraining of tabular models on PostgreSQL. Read `ml/perennial/pipeline.py` first."""
