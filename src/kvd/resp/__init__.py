"""The protocol: parsing of commands, writing of replies. May import core."""
