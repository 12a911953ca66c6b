"""Perennial: batch retraining of tabular models on PostgreSQL. Read `ml/pipeline.py` first."""
