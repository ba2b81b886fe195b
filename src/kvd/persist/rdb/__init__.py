"""Values in the format of Redis's snapshots. May import commands and all below."""
