"""Lua scripts and functions. May import persist, commands and the layers below."""
