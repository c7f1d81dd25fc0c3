"""Packs prepared data sets to be shared, checks them, and joins several."""
