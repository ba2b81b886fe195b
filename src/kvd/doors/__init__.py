"""The Python doors to the engine: what turns Python calls into commands, and replies into Python values. May import every layer."""
