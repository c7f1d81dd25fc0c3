"""Several trainings of several recipes, evaluated and reported alike."""
