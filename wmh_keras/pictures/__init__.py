"""Pictures of slices with the outlines of masks."""
