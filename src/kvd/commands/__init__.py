"""The commands, one compiled module per family; each command is declared above its handler."""
