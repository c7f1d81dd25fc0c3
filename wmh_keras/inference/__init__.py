"""From slices to probabilities, and from probabilities to a mask.

One `Segmenter` serves validation during training, evaluation and prediction.
"""
