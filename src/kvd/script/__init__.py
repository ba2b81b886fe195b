"""Lua scripts and functions, run by lupa's Lua 5.1."""
