"""Replacements for other libraries, based on kvd."""
