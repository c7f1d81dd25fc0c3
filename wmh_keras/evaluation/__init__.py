"""Evaluation: one volume, a cohort, and the files they are read from."""
