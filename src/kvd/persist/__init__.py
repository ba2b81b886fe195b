"""A store to files and back; uses commands and all that stands below them."""
