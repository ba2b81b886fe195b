"""How a command runs: the registry of declarations, the gate, the run itself, and what follows it. Knows no command."""
