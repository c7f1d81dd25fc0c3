"""FLAIR volumes to prepared slices, and back: no TensorFlow, JAX or Keras."""
