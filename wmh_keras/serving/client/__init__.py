"""Segments with a model that a server runs: TensorFlow Serving, or its like.

Imports no framework: messages are built from their public field numbers.
"""
