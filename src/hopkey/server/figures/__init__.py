"""How many there are of everything that administrators watch, day by day."""
