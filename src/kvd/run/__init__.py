"""Execution of commands: registry, gate, run, and work after a command. Independent of individual commands."""
