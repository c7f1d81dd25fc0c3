"""Choosing threshold and minimum lesion size on validation volumes."""
