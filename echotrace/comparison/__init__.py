"""Two reports laid side by side: what differs, which way, and what cannot be compared."""
