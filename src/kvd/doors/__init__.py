"""The Python doors: compiled classes that Python code calls. May use every layer below; nothing below uses them."""
