"""Is a scan like those that a model was trained on?"""
