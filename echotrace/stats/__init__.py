"""Statistics that several stages share: exact quantiles and bootstrap intervals."""
