"""Speech synthesisers behind one Protocol: servers, local programs, and the choice among them."""
