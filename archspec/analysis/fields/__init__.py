"""What receptive fields are computed with."""
