"""Values in RDB format. May import commands and the layers below."""
