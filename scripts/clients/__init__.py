"""Real clients for scripts/interop: those that publish, those that play, and what is asked of them."""
