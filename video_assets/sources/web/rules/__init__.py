"""Pure decisions about the web: what a fault means, how long a site is left alone."""
