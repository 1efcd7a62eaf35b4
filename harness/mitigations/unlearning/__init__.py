"""Methods that make a model forget some texts and keep others."""
