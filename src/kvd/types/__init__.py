"""Values and their encodings. May import core."""
