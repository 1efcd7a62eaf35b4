"""How near an explanation comes to a reference."""
