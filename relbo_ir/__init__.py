"""relbo-ir."""
