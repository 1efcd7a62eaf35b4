"""Where other tools' tasks, answers and logs come in."""
