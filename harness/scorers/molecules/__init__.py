"""Molecules that are to be repaired: parsed, measured and held against what is asked of them."""
