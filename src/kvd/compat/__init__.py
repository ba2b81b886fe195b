"""Other libraries' names over kvd: an import line is all that changes."""
