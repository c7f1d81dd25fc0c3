"""Find white matter hyperintensities in FLAIR MRI, with Keras 3."""

import os

# Importing tensorflow imports keras and so fixes its backend: whoever comes
# first has to have said which. A user's own setting stays.
os.environ.setdefault("KERAS_BACKEND", "jax")
