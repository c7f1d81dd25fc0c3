"""The data folder: what goes into it, in which order, and who it is."""
