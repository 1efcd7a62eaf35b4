"""What a checkpoint is: its weights, its template, and where its texts end."""
