"""Fitting a network to prepared slices, and keeping the best model."""
