"""Speech recognition engines behind one Protocol; importing this loads none of them."""
