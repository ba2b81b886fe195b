"""The Python doors to the engine: compiled classes that turn Python calls into commands and replies into Python values.

May import every layer; nothing below imports them.
"""
