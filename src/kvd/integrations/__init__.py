"""kvd as a backend of other packages' caches: a module per package, imported by name, so that kvd needs none of them."""
