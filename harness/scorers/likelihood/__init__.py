"""How likely texts are: to the model under test, and to another that reads what it wrote."""
