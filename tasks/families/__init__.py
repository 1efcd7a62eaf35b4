"""Shapes that many tasks share: a domain is data, a card and a YAML that names its family."""
